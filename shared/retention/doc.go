// Package retention holds the rules of how long each kind of data is kept: the plans, the periods, the cohorts and
// when a cohort expires. It reads no clock and no table: every rule is a function of its arguments.
//
// A cohort is the unit of keeping and destroying: all records of one account and kind whose last activity (the anchor)
// fell on the same day of the account's time zone. Its boundaries are instants, fixed when it is made, so a later change
// of the time zone moves nothing. A cohort expires as a whole, never before the period of its last record is over:
//
//	anchor 2026-11-30 14:05 ─► cohort 2026-11-30, [00:00, 24:00) local
//	                           + 3 months, clamped ─► 2027-02-28
//	                           expires at the end of that day ─► 2027-03-01 00:00 local
//
// Where an account keeps data for less than a day, which only the stage local allows, the unit is a minute of UTC.
package retention

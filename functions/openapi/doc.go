// Package openapi tells what the API is.
//
// Trigger: GET /v1/openapi.yaml, GET /v1/canonical.schema.json and GET /v1/beacon.js, which anybody may read, and $default, which API Gateway
// asks for whatever is no route.
//
// Answers: the description of the API in OpenAPI 3.1, which stands in openapi.yaml and is part of the program; the JSON Schema
// of what the canonical source takes; the script that tells of visits; 404 route_unknown in the shape of every other error. The first three may be kept by
// whoever asks for five minutes.
//
// Writes nothing. Retry and idempotency: none needed; it answers the same to everybody.
//
// May: nothing but write its own log and its traces.
//
// Alarms: errors.
package openapi

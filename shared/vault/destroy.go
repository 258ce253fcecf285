package vault

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
)

// Destruction counts what was deleted.
type Destruction struct{ Items, Objects int }

// Destroy ends a life of a conversation of which there is nothing to state: nothing of it was acknowledged, or nobody could
// read it. A row whose generation is not the one that was read is left alone: somebody writes to the conversation. ok is then
// false.
func (s *Store) Destroy(ctx context.Context, r Row) (d Destruction, ok bool, err error) {
	if r.State != Destroyed {
		_, err := s.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.Tables.Keys, Key: r.Key(),
			UpdateExpression:         aws.String("SET #state = :destroyed, known = :known REMOVE own, " + filesKey),
			ConditionExpression:      aws.String("generation = :generation AND #state = :state"),
			ExpressionAttributeNames: map[string]string{"#state": "state"},
			ExpressionAttributeValues: attr.Item{
				":destroyed": attr.S(Destroyed), ":state": attr.S(r.State), ":generation": attr.N(r.Generation), ":known": attr.Time(r.Known),
			},
		})
		if IsConditionFailed(err) {
			return d, false, nil
		}
		if err != nil {
			return d, false, err
		}
	}
	d, err = s.DeleteItems(ctx, r)
	return d, err == nil, err
}

// DeleteItems deletes all that the own keys of a destroyed life sealed, then its place in the index. Done again after it was
// interrupted it goes on where it stood, because the row keeps its place until the end.
func (s *Store) DeleteItems(ctx context.Context, r Row) (Destruction, error) {
	d, err := s.deleteItems(ctx, r)
	if err != nil {
		return d, err
	}
	return d, s.Forget(ctx, r)
}

// deleteItems deletes the files, the events, the pointers, the objects and, last, the record of a life of a conversation: the
// record alone knows where its pointers and its object are. The due row of a file that somebody is getting stays: that somebody,
// or the sweep of attach once it is dead, deletes what it put.
func (s *Store) deleteItems(ctx context.Context, r Row) (d Destruction, err error) {
	pk := RecordPartition(r.Account, r.ID)
	record, err := s.get(ctx, s.Tables.Records, attr.Key(pk, recordKey(r.Incarnation)))
	if err != nil {
		return d, err
	}
	var keys []attr.Item
	var objects []string
	objects = append(objects, attr.GetStrings(record, "replaced")...)
	if object := attr.GetS(record, "object"); object != "" {
		objects = append(objects, object)
	}
	for _, pointer := range attr.GetStrings(record, "pointers") {
		keys = append(keys, attr.Key(pointer, pointerKey(r)))
	}
	in := attr.Beginning(s.Tables.Records, pk, entryPrefix(r.Incarnation))
	in.ProjectionExpression, in.ExpressionAttributeNames = aws.String("pk, sk, #object"), map[string]string{"#object": "object"}
	err = s.Query(ctx, in, func(item attr.Item) (bool, error) {
		keys = append(keys, item)
		if object := attr.GetS(item, "object"); object != "" {
			objects = append(objects, object)
		}
		return true, nil
	})
	if err != nil {
		return d, err
	}
	files, err := s.files(ctx, r, "pk, sk, #state, due, attempts, reason")
	if err != nil {
		return d, err
	}
	for _, f := range files {
		keys = append(keys, f.rows(s.Now())...)
		objects = append(objects, FileObject(f.Reference))
	}
	for _, object := range objects {
		if err := s.Objects.Delete(ctx, object); err != nil {
			return d, err
		}
		d.Objects++
	}
	if err := s.DeleteAll(ctx, s.Tables.Records, keys); err != nil {
		return d, err
	}
	d.Items = len(keys)
	if record != nil {
		d.Items++
		err = s.DeleteAll(ctx, s.Tables.Records, []attr.Item{record})
	}
	return d, err
}

// CountFiles counts the files that a destroyed life had to be read, before they are deleted, and their bytes.
func (s *Store) CountFiles(ctx context.Context, r Row) (n, bytes int64, err error) {
	if !r.HasFiles {
		return 0, 0, nil
	}
	files, err := s.files(ctx, r, "pk, sk, #state, fileBytes")
	for _, f := range files {
		if f.State == conversation.FileStored {
			n, bytes = n+1, bytes+f.Bytes
		}
	}
	return n, bytes, err
}

// LastReceived is when the newest event of a life of a conversation came in that awaits settling; zero if there is none.
func (s *Store) LastReceived(ctx context.Context, r Row) (last time.Time, err error) {
	in := attr.Beginning(s.Tables.Records, RecordPartition(r.Account, r.ID), entryPrefix(r.Incarnation))
	in.ProjectionExpression, in.ExpressionAttributeNames = aws.String("#at"), map[string]string{"#at": "at"}
	err = s.Query(ctx, in, func(item attr.Item) (bool, error) {
		if at := attr.GetTime(item, "at"); at.After(last) {
			last = at
		}
		return true, nil
	})
	return last, err
}

// Range is a part of an index partition: positions below Below, newest or oldest first, in pages of Page.
type Range struct {
	Listing string
	// Below is a position, or the beginning of one; empty is no bound.
	Below       string
	NewestFirst bool
	Page        int32
}

func (in Range) query(table string) *dynamodb.QueryInput {
	query := &dynamodb.QueryInput{
		TableName: &table, IndexName: aws.String(Listing), ScanIndexForward: aws.Bool(!in.NewestFirst),
		KeyConditionExpression:    aws.String("listing = :listing"),
		ExpressionAttributeValues: attr.Item{":listing": attr.S(in.Listing)},
	}
	if in.Page > 0 {
		query.Limit = &in.Page
	}
	if in.Below != "" {
		query.KeyConditionExpression = aws.String("listing = :listing AND #position < :below")
		query.ExpressionAttributeNames = map[string]string{"#position": "position"}
		query.ExpressionAttributeValues[":below"] = attr.S(in.Below)
	}
	return query
}

// Before is the bound below which lies what happened before an instant.
func Before(at time.Time) string { return Position(at, "", 0)[:13] }

// Places hands out the places of a range of the index with their positions until the function answers false. The index
// follows the table within moments: what counts must be read from the row.
func (s *Store) Places(ctx context.Context, in Range, each func(Place, string) (bool, error)) error {
	return s.Query(ctx, in.query(s.Tables.Keys), func(item attr.Item) (bool, error) {
		position := attr.GetS(item, "position")
		place, err := ParsePosition(position)
		if err != nil {
			return false, err
		}
		return each(place, position)
	})
}

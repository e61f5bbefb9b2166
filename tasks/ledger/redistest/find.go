package redistest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/secrettest"
)

// Hidden fails the test where a secret stands in Redis, or ever did.
func (s *Server) Hidden(t testing.TB, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if places := s.Find(t, secret); places != nil {
			t.Errorf("%s stands in %q", secret, places)
		}
	}
}

// Find returns where in Redis a text stands, in any spelling that secrettest knows: in the names of
// keys, in what they hold, as it is read and as Redis dumps it, and in the files that Redis writes,
// where also stands what has been deleted since. Searching the files needs "--appendonly yes".
func (s *Server) Find(t testing.TB, text string) (places []string) {
	t.Helper()
	rdb, ctx := s.Client(t), context.WithoutCancel(t.Context()) // also when the test has ended
	found := func(where string, in []byte) {
		if secrettest.Find(string(in), text) != nil {
			places = append(places, where)
		}
	}
	keys := rdb.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		found("the name of "+key, []byte(key))
		value, err := content(ctx, rdb, key)
		if err != nil {
			t.Fatalf("read %s: %v", key, err)
		}
		found(key, fmt.Append(nil, value))
		dump, err := rdb.Dump(ctx, key).Bytes()
		if err != nil && err != redis.Nil {
			t.Fatalf("dump %s: %v", key, err)
		}
		found("the dump of "+key, dump)
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		found(path, raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// content reads a key of any type.
func content(ctx context.Context, rdb *redis.Client, key string) (any, error) {
	switch kind := rdb.Type(ctx, key).Val(); kind {
	case "string":
		return rdb.Get(ctx, key).Result()
	case "list":
		return rdb.LRange(ctx, key, 0, -1).Result()
	case "set":
		return rdb.SMembers(ctx, key).Result()
	case "zset":
		return rdb.ZRange(ctx, key, 0, -1).Result()
	case "hash":
		return rdb.HGetAll(ctx, key).Result()
	case "stream":
		return rdb.XRange(ctx, key, "-", "+").Result()
	case "none": // it expired meanwhile
		return nil, nil
	default:
		return nil, fmt.Errorf("of type %q", kind)
	}
}

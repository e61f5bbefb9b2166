package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// target is what a test compares of the options.
type target struct {
	Addrs                 []string
	User, Password        string
	DB                    int
	Master, SUser, SPass  string
	TLS, Cluster          bool
	Dial, Read, WriteTime time.Duration
	Pool                  int
}

func targetOf(o *redis.UniversalOptions) target {
	return target{
		Addrs: o.Addrs, User: o.Username, Password: o.Password, DB: o.DB,
		Master: o.MasterName, SUser: o.SentinelUsername, SPass: o.SentinelPassword,
		TLS: o.TLSConfig != nil, Cluster: o.IsClusterMode,
		Dial: o.DialTimeout, Read: o.ReadTimeout, WriteTime: o.WriteTimeout, Pool: o.PoolSize,
	}
}

func TestRedisOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url   string
		want  target
		shown string // "" where the address is shown as it stands
	}{
		{"redis://localhost:6379", target{Addrs: []string{"localhost:6379"}}, "redis://localhost:6379/0"},
		{"redis://db/", target{Addrs: []string{"db:6379"}}, "redis://db:6379/0"},
		{"redis://db:1234/15", target{Addrs: []string{"db:1234"}, DB: 15}, ""},
		{"redis://[::1]:1/0", target{Addrs: []string{"[::1]:1"}}, ""},
		{"redis://[::1]", target{Addrs: []string{"[::1]:6379"}}, "redis://[::1]:6379/0"},
		{"redis://:p@h:1/0", target{Addrs: []string{"h:1"}, Password: "p"}, "redis://:[redacted]@h:1/0"},
		{"redis://u:p%40%2F%3a@h:1/0", target{Addrs: []string{"h:1"}, User: "u", Password: "p@/:"}, "redis://u:[redacted]@h:1/0"},
		{"redis://u:p%40q%2F%3F%23%25@h:1/0", target{Addrs: []string{"h:1"}, User: "u", Password: "p@q/?#%"}, "redis://u:[redacted]@h:1/0"},
		{"unix:///run/redis.sock", target{Addrs: []string{"/run/redis.sock"}}, ""},
		{"unix://u:p%2F@/run/a%20b.sock?db=3&read_timeout=1s", target{Addrs: []string{"/run/a b.sock"}, User: "u", Password: "p/", DB: 3, Read: time.Second},
			"unix://u:[redacted]@/run/a%20b.sock?db=3"},
		{"rediss://u:p@h:1/2", target{Addrs: []string{"h:1"}, User: "u", Password: "p", DB: 2, TLS: true}, "rediss://u:[redacted]@h:1/2"},
		{
			"redis://h:1/0?dial_timeout=1s&read_timeout=2s&write_timeout=3s&pool_size=9",
			target{Addrs: []string{"h:1"}, Dial: time.Second, Read: 2 * time.Second, WriteTime: 3 * time.Second, Pool: 9},
			"redis://h:1/0",
		},
		{"redis-sentinel://s1,s2:1/3?master=m", target{Addrs: []string{"s1:26379", "s2:1"}, DB: 3, Master: "m"}, "redis-sentinel://s1:26379,s2:1/3?master=m"},
		{
			"redis-sentinel://u:p@s1:1/?master=m&sentinel_username=su&sentinel_password=sp&tls=true",
			target{Addrs: []string{"s1:1"}, User: "u", Password: "p", Master: "m", SUser: "su", SPass: "sp", TLS: true},
			"redis-sentinel://u:[redacted]@s1:1/0?master=m&tls=true",
		},
		{"redis-cluster://h1:1,[::2]:2,h3", target{Addrs: []string{"h1:1", "[::2]:2", "h3:6379"}, Cluster: true}, "redis-cluster://h1:1,[::2]:2,h3:6379"},
		{"redis-cluster://u:p@h1:1/0?tls=true", target{Addrs: []string{"h1:1"}, User: "u", Password: "p", Cluster: true, TLS: true}, "redis-cluster://u:[redacted]@h1:1?tls=true"},
		{"redis-cluster://h1:1?tls=false", target{Addrs: []string{"h1:1"}, Cluster: true}, "redis-cluster://h1:1"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			c := load(t, "REDIS_URL="+tt.url)
			if diff := cmp.Diff(tt.want, targetOf(c.RedisOptions())); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
			if tt.shown == "" {
				tt.shown = tt.url
			}
			if got := c.RedisAddress(); got != tt.shown {
				t.Errorf("RedisAddress = %s, want %s", got, tt.shown)
			}
		})
	}
}

func TestRedisOptionsErr(t *testing.T) {
	t.Parallel()
	const raw = "has a password with a character that means something else in an address (write / as %2F, ? as %3F, # as %23, @ as %40, % as %25)"
	for url, want := range map[string]string{
		"127.0.0.1:6379":                  "has an unknown scheme",
		"http://h":                        "has an unknown scheme",
		"REDIS://h":                       "has an unknown scheme",
		"redis://":                        "has an empty or impossible host",
		"redis://h:0":                     "has a port that is no number",
		"redis://h:65536":                 "has a port that is no number",
		"redis://h:":                      "has a port that is no number",
		"redis://::1":                     "has a host that cannot be read",
		"redis://h:1:2":                   "has a host that cannot be read",
		"redis://h h:1":                   "has an empty or impossible host",
		"redis://[h]:1":                   "", // a name in brackets is taken for the name
		"redis://h1:1,h2:2":               "has several hosts",
		"rediss://h1,h2":                  "has several hosts",
		"redis-cluster://h1,,h2":          "has an empty or impossible host",
		"redis://u@h":                     "has an @ but no password",
		"redis://u:@h":                    "has an @ but no password",
		"redis://u:%zz@h":                 "has credentials with a %",
		"redis://u:a#b@h":                 raw,
		"redis://u:a/b@h":                 raw,
		"redis://u:a?b@h:1/0":             raw,
		"rediss://:a@b@h":                 raw,
		"redis-cluster://u:1/2@h1:1,h2:2": raw,
		"redis-sentinel://h?master=m&sentinel_password=a@b": raw,
		"redis://h:1/0#x":                   "has a fragment",
		"unix://":                           "names no socket",
		"unix:///":                          "names no socket",
		"unix://run/redis.sock":             "names no socket",
		"unix://:p@run/redis.sock":          "names no socket",
		"unix:///a?db=x":                    "has an unusable value for the parameter db",
		"redis://h?db=2&db=3":               "has an unknown parameter",
		"redis://h/x":                       "has a path that is no database number",
		"redis://h/-1":                      "has a path that is no database number",
		"redis://h/0/1":                     "has a path that is no database number",
		"redis-cluster://h/1":               "names a database",
		"redis://h?db=1":                    "has an unknown parameter (redis:// knows dial_timeout, pool_size, read_timeout, write_timeout)",
		"redis://h?tls=true":                "has an unknown parameter",
		"redis://h?%zz=1":                   "has parameters that cannot be read",
		"redis://h?read_timeout=5":          "has an unusable value for the parameter read_timeout",
		"redis://h?read_timeout=-5s":        "has an unusable value",
		"redis://h?pool_size=0":             "has an unusable value",
		"redis-cluster://h?tls=1":           "has an unusable value for the parameter tls",
		"redis://h?pool_size=1&pool_size=2": "has the parameter pool_size more than once",
		"redis-sentinel://h":                "names no master",
		"redis-sentinel://h?master=":        "has an unusable value for the parameter master",
		"redis-cluster://h?master=m":        "has an unknown parameter",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			if want == "" {
				load(t, "REDIS_URL="+url)
				return
			}
			wantFaults(t, "REDIS_URL", []string{want}, faultsOf(t, "REDIS_URL="+url))
		})
	}
}

// TestRedisClientKind checks that go-redis builds what the scheme promises.
func TestRedisClientKind(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://h:1":                       "single",
		"unix:///run/redis.sock":            "single",
		"rediss://h:1":                      "single",
		"redis-sentinel://h:1?master=m":     "single", // a failover client is a *redis.Client that asks Sentinel where to dial
		"redis-sentinel://h:1,i:1?master=m": "single",
		"redis-cluster://h:1":               "cluster",
		"redis-cluster://h:1,i:1":           "cluster",
	} {
		client := redis.NewUniversalClient(load(t, "REDIS_URL="+url).RedisOptions())
		t.Cleanup(func() { _ = client.Close() })
		got := "?"
		switch c := client.(type) {
		case *redis.ClusterClient:
			got = "cluster"
		case *redis.Client:
			got = "single"
			if sentinel := c.Options().Addr == "FailoverClient"; sentinel != strings.Contains(url, "sentinel") {
				t.Errorf("%s: asks Sentinel: %v", url, sentinel)
			}
		}
		if got != want {
			t.Errorf("%s builds a %s client, want %s", url, got, want)
		}
	}
}

func TestRedisOptionsAreNew(t *testing.T) {
	t.Parallel()
	c := load(t, "REDIS_URL=rediss://h:1")
	changed := c.RedisOptions()
	changed.Addrs[0], changed.TLSConfig.ServerName = "other:1", "other"
	if again := c.RedisOptions(); again.Addrs[0] != "h:1" || again.TLSConfig.ServerName != "" {
		t.Errorf("a caller's change is seen by the next: %v", again.Addrs)
	}
}

// FuzzParseRedisURL checks of every address that is taken that the options can
// be dialled, that it is shown without its passwords, and that what is shown
// means the same server; and of every other that the error quotes nothing.
func FuzzParseRedisURL(f *testing.F) {
	for _, seed := range []string{
		"redis://localhost:6379/0", "rediss://u:p@h/1", "redis-sentinel://:p@a,b:1/2?master=m&tls=true", "redis-cluster://a:1,[::1]:2",
		"redis://h?read_timeout=1s&pool_size=3", "redis://[::1%25eth0]:1", "redis://%41:%42@h", "redis-sentinel://h?master=%5Bx%5D&sentinel_password=p",
		"unix://:p@/run/r%3F.sock?db=3", "redis://u:a/b@h",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "LEAKLEAKLEAK"
		if scheme, rest, ok := strings.Cut(text, "://"); ok {
			leaky := scheme + "://u:" + secret + "@" + rest
			if o, err := parseRedisURL(leaky); err != nil {
				if strings.Contains(err.Error(), secret) {
					t.Fatalf("%q: the error shows the password: %v", leaky, err)
				}
			} else if shown := redisAddress(o); strings.Contains(shown, secret) {
				t.Fatalf("%q is shown with its password: %s", leaky, shown)
			}
		}

		o, err := parseRedisURL(text)
		if err != nil {
			return
		}
		if strings.HasPrefix(o.Addrs[0], "/") && !strings.HasPrefix(text, schemeUnix) {
			t.Fatalf("%q leads to a socket", text)
		}
		if len(o.Addrs) == 0 || o.DB < 0 || (o.Username != "" && o.Password == "") {
			t.Fatalf("%q gives unusable options: %+v", text, targetOf(o))
		}
		again, err := parseRedisURL(redisAddress(o))
		if err != nil {
			t.Fatalf("%q is shown as %s, which is refused: %v", text, redisAddress(o), err)
		}
		want, got := targetOf(o), targetOf(again)
		for _, x := range []*target{&want, &got} {
			x.Password, x.SUser, x.SPass = "", "", ""
			x.Dial, x.Read, x.WriteTime, x.Pool = 0, 0, 0, 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q is shown as %s:\n%s", text, redisAddress(o), diff)
		}
	})
}

package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
)

// The schemes of REDIS_URL.
const (
	schemeRedis    = "redis"
	schemeTLS      = "rediss"
	schemeSentinel = "redis-sentinel"
	schemeCluster  = "redis-cluster"
	schemeUnix     = "unix"
)

// RedisOptions returns new options that make [redis.NewUniversalClient] build
// the client RedisURL asks for: for one server, for a master that Sentinel
// names, or for a Redis Cluster. The caller may change them. It panics where
// RedisURL cannot be read, which [Load] does not let happen.
func (c Config) RedisOptions() *redis.UniversalOptions {
	options, err := parseRedisURL(c.RedisURL.Reveal())
	if err != nil {
		panic("config: RedisURL " + err.Error())
	}
	return options
}

// RedisAddress returns RedisURL without its passwords, for people to read.
func (c Config) RedisAddress() string {
	options, err := parseRedisURL(c.RedisURL.Reveal())
	if err != nil {
		return c.RedisURL.String()
	}
	return redisAddress(options)
}

func (c *Config) checkRedis(f *faults) {
	o, err := parseRedisURL(c.RedisURL.Reveal())
	if err != nil {
		f.refuse("REDIS_URL", "%v", err)
		return
	}
	if c.RedisWaitReplicas > 0 && o.ReadTimeout > 0 && o.ReadTimeout <= replicasTimeout {
		f.add("REDIS_URL", "has a read_timeout of %s; allowed: more than %s where REDIS_WAIT_REPLICAS is set, for Redis waits so long for them",
			o.ReadTimeout, replicasTimeout)
	}
}

// parseRedisURL reads an address of Redis. go-redis has three parsers, one for each kind of client.
// They quote the address, password and all, in their errors; they take parameters that read from
// replicas, which lag behind, or that switch time-outs and the check of certificates off; and they
// hold every server of a Sentinel or a Cluster to the name of the first. So this one stays. Its
// errors quote nothing.
func parseRedisURL(text string) (*redis.UniversalOptions, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !slices.Contains([]string{schemeRedis, schemeTLS, schemeSentinel, schemeCluster, schemeUnix}, scheme) {
		return nil, errors.New("has an unknown scheme")
	}
	if err := checkRaw(rest); err != nil {
		return nil, err
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")

	o := &redis.UniversalOptions{IsClusterMode: scheme == schemeCluster}
	if scheme == schemeTLS {
		o.TLSConfig = redisTLS()
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		if err := setCredentials(o, authority[:at]); err != nil {
			return nil, err
		}
		authority = authority[at+1:]
	}
	where := func() error { return errors.Join(setHosts(o, scheme, authority), setDB(o, path)) }
	if scheme == schemeUnix {
		where = func() error { return setSocket(o, authority, path) }
	}
	if err := where(); err != nil {
		return nil, err
	}
	if err := setParameters(o, scheme, query); err != nil {
		return nil, err
	}
	if scheme == schemeSentinel && o.MasterName == "" {
		return nil, errors.New("names no master (?master=NAME)")
	}
	return o, nil
}

// checkRaw refuses a password that holds characters with a meaning of their own: it would be cut
// off there, and the rest of it taken for a host.
func checkRaw(rest string) error {
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	switch {
	case strings.Count(authority, "@") > 1, strings.Contains(rest[len(authority):], "@"):
		return errors.New("has a password with a character that means something else in an address " +
			"(write / as %2F, ? as %3F, # as %23, @ as %40, % as %25)")
	case strings.Contains(rest, "#"):
		return errors.New("has a fragment (write # in a password as %23)")
	}
	return nil
}

// setSocket reads the path of a Unix socket.
func setSocket(o *redis.UniversalOptions, authority, path string) error {
	name, err := url.PathUnescape(path)
	if authority != "" || name == "" || err != nil {
		return errors.New("names no socket (unix:///run/redis.sock, with a password unix://:PASSWORD@/run/redis.sock)")
	}
	o.Addrs = []string{"/" + name}
	return nil
}

// redisTLS leaves the server's name empty: it is taken from each address that
// is dialled, as Sentinel and Cluster need it.
func redisTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// setCredentials reads user:password, or :password for the default user.
func setCredentials(o *redis.UniversalOptions, text string) error {
	user, password, _ := strings.Cut(text, ":")
	var errUser, errPassword error
	o.Username, errUser = url.PathUnescape(user)
	o.Password, errPassword = url.PathUnescape(password)
	if errUser != nil || errPassword != nil {
		return errors.New("has credentials with a % that begins no %XX (write % as %25)")
	}
	if o.Password == "" {
		return errors.New("has an @ but no password before it")
	}
	return nil
}

// setHosts reads host:port, or several separated by commas.
func setHosts(o *redis.UniversalOptions, scheme, text string) error {
	port := "6379"
	if scheme == schemeSentinel {
		port = "26379"
	}
	for _, entry := range strings.Split(text, ",") {
		address, err := hostPort(entry, port)
		if err != nil {
			return err
		}
		o.Addrs = append(o.Addrs, address)
	}
	if len(o.Addrs) > 1 && (scheme == schemeRedis || scheme == schemeTLS) {
		return errors.New("has several hosts, which takes redis-sentinel:// or redis-cluster://")
	}
	return nil
}

// hostPort returns an entry as host:port, with the default port where it names
// none.
func hostPort(entry, defaultPort string) (string, error) {
	host, port, err := net.SplitHostPort(entry)
	if err != nil {
		host, port, err = net.SplitHostPort(entry + ":" + defaultPort)
	}
	if err != nil {
		return "", errors.New("has a host that cannot be read (write an IPv6 address in brackets)")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("has a port that is no number from 1 to 65535")
	}
	name := !strings.Contains(host, ":") && host != "" && !strings.ContainsFunc(host, notInHost)
	if !name && net.ParseIP(host) == nil {
		return "", errors.New("has an empty or impossible host")
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

func notInHost(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
}

// setDB reads the number of the database, 0 where there is none.
func setDB(o *redis.UniversalOptions, path string) error {
	if path == "" {
		return nil
	}
	n, err := strconv.ParseUint(path, 10, 16)
	if err != nil {
		return errors.New("has a path that is no database number")
	}
	if o.IsClusterMode && n != 0 {
		return errors.New("names a database, and a cluster has only 0")
	}
	o.DB = int(n)
	return nil
}

// setParameters reads what follows the question mark.
func setParameters(o *redis.UniversalOptions, scheme, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("has parameters that cannot be read (write % as %25, & as %26)")
	}
	known := parameters(o, scheme)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		set, ok := known[name]
		if !ok {
			return fmt.Errorf("has an unknown parameter (%s:// knows %s)", scheme, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if len(values[name]) > 1 {
			return fmt.Errorf("has the parameter %s more than once", name)
		}
		if !set(values.Get(name)) {
			return fmt.Errorf("has an unusable value for the parameter %s", name)
		}
	}
	return nil
}

// maxRedisTimeout is how long a worker may hang on one command to a Redis that
// is gone: its leases last hardly longer.
const maxRedisTimeout = time.Minute

// parameters returns what a scheme knows, each with the function that stores
// its value and reports whether it could be used.
func parameters(o *redis.UniversalOptions, scheme string) map[string]func(string) bool {
	duration := func(into *time.Duration) func(string) bool {
		return func(v string) bool {
			d, err := time.ParseDuration(v)
			*into = d
			return err == nil && d > 0 && d <= maxRedisTimeout
		}
	}
	text := func(into *string) func(string) bool {
		return func(v string) bool {
			*into = v
			return v != ""
		}
	}
	known := map[string]func(string) bool{
		"dial_timeout":  duration(&o.DialTimeout),
		"read_timeout":  duration(&o.ReadTimeout),
		"write_timeout": duration(&o.WriteTimeout),
		"pool_size": func(v string) bool {
			n, err := strconv.ParseUint(v, 10, 16)
			o.PoolSize = int(n)
			return err == nil && n > 0
		},
	}
	if scheme == schemeSentinel || scheme == schemeCluster {
		known["tls"] = func(v string) bool {
			if v == "true" {
				o.TLSConfig = redisTLS()
			}
			return v == "true" || v == "false"
		}
	}
	if scheme == schemeUnix {
		known["db"] = func(v string) bool {
			n, err := strconv.ParseUint(v, 10, 16)
			o.DB = int(n)
			return err == nil
		}
	}
	if scheme == schemeSentinel {
		known["master"] = text(&o.MasterName)
		known["sentinel_username"] = text(&o.SentinelUsername)
		known["sentinel_password"] = text(&o.SentinelPassword)
	}
	return known
}

// redisAddress writes options as an address, with a placeholder for passwords.
func redisAddress(o *redis.UniversalOptions) string {
	scheme, query := schemeRedis, url.Values{}
	switch {
	case o.IsClusterMode:
		scheme = schemeCluster
	case o.MasterName != "":
		scheme = schemeSentinel
		query.Set("master", o.MasterName)
	case o.TLSConfig != nil:
		scheme = schemeTLS
	}
	if o.TLSConfig != nil && scheme != schemeTLS {
		query.Set("tls", "true")
	}
	if strings.HasPrefix(o.Addrs[0], "/") {
		return socketAddress(o)
	}
	credentials, db := "", ""
	if o.Password != "" {
		credentials = url.PathEscape(o.Username) + ":" + settlebank.Redacted + "@"
	}
	if !o.IsClusterMode {
		db = "/" + strconv.Itoa(o.DB)
	}
	address := scheme + "://" + credentials + strings.Join(o.Addrs, ",") + db
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// socketAddress is redisAddress for a Unix socket.
func socketAddress(o *redis.UniversalOptions) string {
	credentials, query := "", ""
	if o.Password != "" {
		credentials = url.PathEscape(o.Username) + ":" + settlebank.Redacted + "@"
	}
	if o.DB != 0 {
		query = "?db=" + strconv.Itoa(o.DB)
	}
	return schemeUnix + "://" + credentials + (&url.URL{Path: o.Addrs[0]}).EscapedPath() + query
}

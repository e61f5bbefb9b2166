package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// fileSuffix makes a secret's name the name of the variable that tells its file.
const fileSuffix = "_FILE"

// maxFile bounds what is read of a secret's or the merchants' file, in bytes.
const maxFile = 1 << 20

// variables splits environ and leaves out what is empty: an empty variable is
// how compose files and shells pass on one that is not set.
func variables(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if value != "" {
			vars[name] = value
		}
	}
	return vars
}

// checkEnds refuses a secret of the environment that white space or quotes got into the ends of: a
// gateway would find it wrong, and nobody would see why.
func checkEnds(vars map[string]string, f *faults) {
	for _, s := range Settings() {
		if value := vars[s.Name]; s.Secret && strings.TrimFunc(value, strayed) != value {
			f.add(s.Name, "begins or ends with white space or a quote; allowed: the secret alone (one that really does goes into a file, %s)", s.Name+fileSuffix)
			if vars[s.Name] = strings.TrimFunc(value, strayed); vars[s.Name] == "" {
				delete(vars, s.Name)
			}
		}
	}
}

func strayed(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("\"'`“”‘’\ufeff", r)
}

// readSecretFiles puts the content of each NAME_FILE into vars under NAME.
func readSecretFiles(vars map[string]string, f *faults) {
	for _, s := range Settings() {
		path, ok := vars[s.Name+fileSuffix]
		if !s.Secret || !ok {
			continue
		}
		if _, both := vars[s.Name]; both {
			f.add(s.Name, "and %s are both set; allowed: one of them", s.Name+fileSuffix)
			continue
		}
		value, err := readSecretFile(path)
		if err != nil {
			f.add(s.Name, "cannot be read from the file in %s: %v", s.Name+fileSuffix, err)
			continue
		}
		vars[s.Name] = value
	}
}

// readSecretFile returns a file's text without the line break at its end. Its
// errors hold neither the content nor the path, which may be the secret itself,
// put in the wrong variable.
func readSecretFile(path string) (string, error) {
	content, err := readFile(path)
	if err != nil {
		return "", withoutPath(err)
	}
	value := strings.TrimRight(string(content), "\r\n")
	switch {
	case value == "":
		return "", errors.New("it is empty")
	case strings.ContainsAny(value, "\r\n\x00"):
		return "", errors.New("it holds more than one line of text")
	}
	return value, nil
}

// readFile reads a file of at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return content, nil
}

// checkUnknown refuses variables that begin like a setting and are none.
func checkUnknown(vars map[string]string, f *faults) {
	known := settingNames()
	var unknown []string
	for name := range vars {
		if ours(name) && !slices.Contains(known, name) && !serviceLink(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		f.add(name, "is no setting; did you mean %s?", nearest(name, known))
	}
}

func settingNames() []string {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Name)
		if s.Secret {
			names = append(names, s.Name+fileSuffix)
		}
	}
	return names
}

// ours reports whether a name has a prefix that is ours alone. REDIS_, HTTP_,
// OPS_, API_, LOG_ and the like are shared with other programs.
func ours(name string) bool {
	for _, prefix := range []string{
		"SETTLEBANK_", "RETRY_", "LEDGER_", "WORKER_", "MAINTENANCE_", "HTTP_TLS_", "DASHBOARD_", "EVENTS_", "RECONCILE_", "NOTI_",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// serviceLink reports whether Kubernetes put a variable there: for a Service
// called worker it sets WORKER_SERVICE_HOST, WORKER_PORT_9090_TCP and others in
// every pod of the namespace.
func serviceLink(name string) bool {
	return regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`).MatchString(name)
}

// nearest returns the candidate that is the fewest edits away from name.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", -1
	for _, candidate := range candidates {
		if d := distance(name, candidate); bestDistance < 0 || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two names, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"settlecancel/gateway/settlebank"
)

// merchantsFile is the setting whose name all faults of the file bear.
const merchantsFile = "SETTLEBANK_MERCHANTS_FILE"

// readMerchants reads the file of merchants. It is decoded into plain maps and
// checked by hand, because a decoder into structs stops at the first fault and
// quotes the lines around it, keys and all.
func (c *Config) readMerchants(path string, f *faults) []Merchant {
	content, err := readFile(path)
	if err != nil {
		f.add(merchantsFile, "cannot be read: %v", err)
		return nil
	}
	document, err := decodeYAML(content)
	if err != nil {
		f.refuse(merchantsFile, "(%s) %v", path, err)
		return nil
	}
	root, isMap := document.(map[string]any)
	list, isList := root["merchants"].([]any)
	if !isMap || !isList || len(list) == 0 || len(root) > 1 {
		f.refuse(merchantsFile, "(%s) must hold the field merchants, a list of at least one, and no other", path)
		return nil
	}

	reader := merchantReader{config: c, dir: filepath.Dir(path), faults: f, seen: map[string]int{}}
	merchants := make([]Merchant, 0, len(list))
	for i, entry := range list {
		merchants = append(merchants, reader.merchant(i, entry))
	}
	return merchants
}

// decodeYAML returns the only document in content. Its errors tell a place and
// nothing of the content.
func decodeYAML(content []byte) (any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document any
	if err := decoder.Decode(&document); err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			position := at.GetToken().Position
			return nil, fmt.Errorf("is no valid YAML near line %d, column %d (indentation, an open quote, a key given twice?)", position.Line, position.Column)
		}
		return nil, errors.New("is empty or no valid YAML")
	}
	var more any
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one YAML document")
	}
	return document, nil
}

// merchantReader turns the entries of the file into merchants.
type merchantReader struct {
	config *Config
	dir    string // relative paths of key files begin here
	faults *faults
	seen   map[string]int // the entry that has a merchant's id
}

// merchant checks one entry. Of a key only the first fault is told, whether it
// is the key's or its file's.
func (r merchantReader) merchant(i int, entry any) Merchant {
	m := Merchant{Protocol: r.config.Protocol}
	fields, ok := entry.(map[string]any)
	if !ok {
		r.faults.refuse(merchantsFile, "merchants[%d] is no map of fields", i)
		return m
	}
	told := map[string]bool{}
	fault := func(field, message string) {
		if base := strings.TrimSuffix(field, "File"); !told[base] {
			told[base] = true
			r.faults.add(merchantsFile, "merchants[%d].%s %s; allowed: %s", i, field, message, allowedField(field))
		}
	}

	text := map[string]string{}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		value, isText := fields[field].(string)
		switch {
		case allowedField(field) == "":
			r.faults.refuse(merchantsFile, "merchants[%d] has the unknown field %s", i, quote(field))
		case !isText || value == "":
			fault(field, "is empty or no text (put numbers in quotes)")
		default:
			text[field] = value
		}
	}
	m.ID = text["mchtId"]
	m.HashKey = r.key("hashKey", text, fault)
	m.AESKey = r.key("aesKey", text, fault)
	if p, ok := text["protocol"]; ok {
		m.Protocol = settlebank.Protocol(p)
		if m.Protocol != settlebank.Flat && m.Protocol != settlebank.Protocol0A19 {
			fault("protocol", "is "+quote(p))
		}
	}
	r.config.completeMerchant(&m, fault)
	if earlier, twice := r.seen[m.ID]; twice {
		fault("mchtId", fmt.Sprintf("is that of merchants[%d] too", earlier))
	}
	r.seen[m.ID] = i
	return m
}

// key returns the key that stands under field, or in the file that field+"File"
// names.
func (r merchantReader) key(field string, text map[string]string, fault func(field, message string)) settlebank.Secret {
	path := text[field+"File"]
	switch {
	case path == "":
		return settlebank.NewSecret(text[field])
	case text[field] != "":
		fault(field, "and "+field+"File are both given")
		return settlebank.Secret{}
	case !filepath.IsAbs(path):
		path = filepath.Join(r.dir, path)
	}
	value, err := readSecretFile(path)
	if err != nil {
		fault(field+"File", "cannot be read: "+err.Error())
	}
	return settlebank.NewSecret(value)
}

// allowedField says what a field of a merchant must be, "" where there is no
// such field.
func allowedField(name string) string {
	return map[string]string{
		"mchtId":      "1 to 12 letters, digits, _ or -, each merchant once",
		"hashKey":     "the merchant's hash key, or hashKeyFile",
		"hashKeyFile": "the path of a file that holds the hash key",
		"aesKey":      "the merchant's AES key of 32 bytes, or aesKeyFile",
		"aesKeyFile":  "the path of a file that holds the AES key",
		"protocol":    "flat or 0A19",
	}[name]
}

package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

const (
	aesA = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	aesB = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

// merchants returns "id hashKey aesKey protocol" of each.
func merchants(c Config) []string {
	var got []string
	for _, m := range c.Merchants {
		got = append(got, strings.Join([]string{m.ID, m.HashKey.Reveal(), m.AESKey.Reveal(), string(m.Protocol)}, " "))
	}
	return got
}

func TestMerchantsFromEnvironment(t *testing.T) {
	t.Parallel()
	const testbed = " " + settlebank.TestbedHashKey + " " + settlebank.TestbedAESKey + " "
	for name, tt := range map[string]struct {
		environ   []string
		want      []string
		byDefault string
	}{
		"OK testbed": {
			nil,
			[]string{"nxca_jt_bi" + testbed + "flat", "nxca_jt_il" + testbed + "flat", "nxca_ks_gu" + testbed + "flat", "nx_mid_il" + testbed + "flat", "nxhp_pl_il" + testbed + "flat", "nxpt_kt_il" + testbed + "flat"},
			"nxca_jt_bi",
		},
		"OK id with testbed keys": {[]string{"SETTLEBANK_MCHT_ID=mine", "SETTLEBANK_PROTOCOL=0A19"}, []string{"mine" + testbed + "0A19"}, "mine"},
		"OK own keys":             {[]string{"SETTLEBANK_MCHT_ID=mine", "SETTLEBANK_HASH_KEY=h", "SETTLEBANK_AES_KEY=" + aesA}, []string{"mine h " + aesA + " flat"}, "mine"},
		"OK production":           {production(), []string{"shop01 STproductionhashkey 0123456789abcdef0123456789abcdef 0A19"}, "shop01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, tt.environ...)
			if diff := cmp.Diff(tt.want, merchants(c)); diff != "" {
				t.Errorf("merchants (-want +got):\n%s", diff)
			}
			if c.DefaultMerchant != tt.byDefault {
				t.Errorf("DefaultMerchant = %q, want %q", c.DefaultMerchant, tt.byDefault)
			}
		})
	}
}

func TestMerchantsFromEnvironmentErr(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		environ []string
		want    []string // setting and the message's beginning
	}{
		"ErrProductionNone":  {[]string{"SETTLEBANK_ENV=production"}, []string{"SETTLEBANK_MCHT_ID is missing, and production has no default"}},
		"ErrProductionKeys":  {[]string{"SETTLEBANK_ENV=production", "SETTLEBANK_MCHT_ID=shop01"}, []string{"SETTLEBANK_PROTOCOL is missing, and production has no default", "SETTLEBANK_HASH_KEY is missing", "SETTLEBANK_AES_KEY is missing"}},
		"ErrProductionIsBed": {production("SETTLEBANK_HASH_KEY=" + settlebank.TestbedHashKey), []string{"SETTLEBANK_HASH_KEY is the testbed's public key"}},
		"ErrProductionAES":   {production("SETTLEBANK_AES_KEY=" + settlebank.TestbedAESKey), []string{"SETTLEBANK_AES_KEY is the testbed's public key"}},
		"ErrKeyFileQuoted": {
			[]string{"SETTLEBANK_MCHT_ID=mine", "SETTLEBANK_HASH_KEY_FILE=" + write(t, "hash", "'quoted'\n"), "SETTLEBANK_AES_KEY=" + aesA},
			[]string{"SETTLEBANK_HASH_KEY holds white space or a quote"},
		},
		"ErrKeySpaced":     {production("SETTLEBANK_HASH_KEY=LEAK LEAK"), []string{"SETTLEBANK_HASH_KEY holds white space or a quote"}},
		"ErrKeyBroken":     {production("SETTLEBANK_AES_KEY=" + aesA[:16] + "\n" + aesA[17:]), []string{"SETTLEBANK_AES_KEY holds white space or a quote"}},
		"ErrKeyQuote":      {production("SETTLEBANK_HASH_KEY=LEAK'LEAK"), []string{"SETTLEBANK_HASH_KEY holds white space or a quote"}},
		"ErrOneKey":        {[]string{"SETTLEBANK_MCHT_ID=mine", "SETTLEBANK_HASH_KEY=h"}, []string{"SETTLEBANK_AES_KEY is missing"}},
		"ErrKeysWithoutID": {[]string{"SETTLEBANK_HASH_KEY=h", "SETTLEBANK_AES_KEY=" + aesA}, []string{"SETTLEBANK_MCHT_ID is missing"}},
		"ErrNoProtocol": {
			slices.DeleteFunc(production(), func(line string) bool { return strings.HasPrefix(line, "SETTLEBANK_PROTOCOL=") }),
			[]string{"SETTLEBANK_PROTOCOL is missing, and production has no default; allowed: flat or 0A19"},
		},
		"ErrLongID":     {[]string{"SETTLEBANK_MCHT_ID=thirteenchars"}, []string{`SETTLEBANK_MCHT_ID is "thirteenchars"`}},
		"ErrLongIDFlat": {[]string{"SETTLEBANK_MCHT_ID=elevenchars"}, []string{"SETTLEBANK_PROTOCOL is flat for merchant elevenchars, whose id has more than 10"}},
		"ErrID":         {[]string{"SETTLEBANK_MCHT_ID=a{b}"}, []string{`SETTLEBANK_MCHT_ID is "a{b}"`}},
		"ErrAESLength":  {production("SETTLEBANK_AES_KEY=" + aesA[1:]), []string{"SETTLEBANK_AES_KEY is not 32 bytes long"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantLines(t, tt.want, faultsOf(t, tt.environ...))
		})
	}
}

// wantLines checks the beginning of every fault as a sentence.
func wantLines(t *testing.T, want []string, found []Fault) {
	t.Helper()
	if len(found) != len(want) {
		t.Fatalf("%d faults, want %d:\n%s", len(found), len(want), (&Error{Faults: found}).Error())
	}
	for i, fault := range found {
		if !strings.HasPrefix(fault.String(), want[i]) {
			t.Errorf("fault %q, want %s…", fault, want[i])
		}
	}
}

func TestMerchantsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"a.hash": "hashA\n", "b.aes": aesB + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "merchants.yaml")
	content := "merchants:\n" +
		"  - {mchtId: shopA, hashKeyFile: a.hash, aesKey: " + aesA + "}\n" +
		"  - mchtId: shopB\n    hashKey: \"0123\"\n    aesKeyFile: " + filepath.Join(dir, "b.aes") + "\n    protocol: 0A19\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, "SETTLEBANK_ENV=production", "SETTLEBANK_PROTOCOL=flat", "SETTLEBANK_MERCHANTS_FILE="+path)
	want := []string{"shopA hashA " + aesA + " flat", "shopB 0123 " + aesB + " 0A19"}
	if diff := cmp.Diff(want, merchants(c)); diff != "" {
		t.Errorf("merchants (-want +got):\n%s", diff)
	}
	if c.DefaultMerchant != "" {
		t.Errorf("DefaultMerchant of two is %q", c.DefaultMerchant)
	}

	// Where every merchant names its own protocol, nothing is missing.
	each := load(t, "SETTLEBANK_ENV=production", "SETTLEBANK_MERCHANTS_FILE="+write(t, "each.yaml",
		"merchants: [{mchtId: shopA, hashKey: h, aesKey: "+aesA+", protocol: flat}, {mchtId: twelve_chars, hashKey: h, aesKey: "+aesA+", protocol: 0A19}]"))
	if got := merchants(each); len(got) != 2 || !strings.HasSuffix(got[0], " flat") || !strings.HasSuffix(got[1], " 0A19") {
		t.Errorf("merchants with protocols of their own: %v", got)
	}

	one := load(t, "SETTLEBANK_PROTOCOL=0A19", "SETTLEBANK_MERCHANTS_FILE="+write(t, "one.yaml", "merchants: [{mchtId: mine}]"))
	if diff := cmp.Diff([]string{"mine " + settlebank.TestbedHashKey + " " + settlebank.TestbedAESKey + " 0A19"}, merchants(one)); diff != "" {
		t.Errorf("one merchant in test (-want +got):\n%s", diff)
	}
	if one.DefaultMerchant != "mine" {
		t.Errorf("DefaultMerchant of one is %q", one.DefaultMerchant)
	}
}

func TestMerchantsFileErr(t *testing.T) {
	t.Parallel()
	good := "{mchtId: a, hashKey: LEAKLEAK, aesKey: " + aesA + "}"
	for name, tt := range map[string]struct {
		content string
		want    []string // each fault's message holds this, in order
	}{
		"ErrEmpty":        {"", []string{"is empty or no valid YAML"}},
		"ErrSyntax":       {"merchants:\n  - mchtId: a\n    hashKey: 'LEAKLEAK\n", []string{"no valid YAML near line 3"}},
		"ErrAlias":        {"merchants: [{mchtId: a, hashKey: *LEAKLEAK}]", []string{"no valid YAML"}},
		"ErrTwice":        {"merchants: [{mchtId: a, hashKey: LEAKLEAK, hashKey: LEAKLEAK}]", []string{"no valid YAML near line 1"}},
		"ErrDocuments":    {"merchants: [" + good + "]\n---\nmerchants: [" + good + "]\n", []string{"more than one YAML document"}},
		"ErrList":         {"[" + good + "]", []string{"must hold the field merchants"}},
		"ErrNone":         {"merchants: []", []string{"must hold the field merchants"}},
		"ErrOtherField":   {"merchants: [" + good + "]\nmerchant: x", []string{"must hold the field merchants"}},
		"ErrEntry":        {"merchants: [LEAKLEAK, " + good + "]", []string{"merchants[0] is no map"}},
		"ErrUnknownField": {"merchants: [{mchtId: a, hashkey: LEAKLEAK, aesKey: " + aesA + "}]", []string{`merchants[0] has the unknown field "hashkey"`, "merchants[0].hashKey is missing"}},
		"ErrNumber":       {"merchants: [{mchtId: a, hashKey: 0123, aesKey: " + aesA + "}]", []string{"merchants[0].hashKey is empty or no text"}},
		"ErrNull":         {"merchants: [{mchtId: , hashKey: h, aesKey: " + aesA + "}]", []string{"merchants[0].mchtId is empty or no text"}},
		"ErrBothKeys":     {"merchants: [{mchtId: a, hashKey: LEAKLEAK, hashKeyFile: LEAKLEAK, aesKey: " + aesA + "}]", []string{"merchants[0].hashKey and hashKeyFile are both given"}},
		"ErrKeyFile":      {"merchants: [{mchtId: a, hashKey: h, aesKeyFile: /LEAKLEAK}]", []string{"merchants[0].aesKeyFile cannot be read: no such file"}},
		"ErrQuoted":       {"merchants: [{mchtId: a, hashKey: '\"LEAKLEAK\"', aesKey: " + aesA + "}]", []string{"merchants[0].hashKey holds white space or a quote"}},
		"ErrSpace":        {"merchants: [{mchtId: a, hashKey: 'LEAKLEAK ', aesKey: " + aesA + "}]", []string{"merchants[0].hashKey holds white space"}},
		"ErrSameID":       {"merchants: [" + good + ", " + good + "]", []string{"merchants[1].mchtId is that of merchants[0] too"}},
		"ErrTestbedKeys":  {"merchants: [{mchtId: a, hashKey: " + settlebank.TestbedHashKey + ", aesKey: " + settlebank.TestbedAESKey + "}]", []string{"merchants[0].hashKey is the testbed's", "merchants[0].aesKey is the testbed's"}},
		"ErrEvery": {
			"merchants: [{mchtId: a b, protocol: FLAT}, {hashKey: LEAKLEAK, aesKey: LEAKLEAK}]",
			[]string{"merchants[0].protocol is", "merchants[0].mchtId is", "merchants[0].hashKey is missing", "merchants[0].aesKey is missing", "merchants[1].mchtId is missing", "merchants[1].aesKey is not 32 bytes long"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := faultsOf(t, "SETTLEBANK_ENV=production", "SETTLEBANK_PROTOCOL=0A19", "SETTLEBANK_MERCHANTS_FILE="+write(t, "m.yaml", tt.content))
			text := (&Error{Faults: found}).Error()
			if strings.Contains(text, "LEAKLEAK") || strings.Contains(text, aesA) {
				t.Errorf("a key is shown:\n%s", text)
			}
			if len(found) != len(tt.want) {
				t.Fatalf("%d faults, want %d:\n%s", len(found), len(tt.want), text)
			}
			for i, fault := range found {
				if fault.Setting != "SETTLEBANK_MERCHANTS_FILE" || !strings.Contains(fault.Message, tt.want[i]) || !strings.Contains(fault.Message, "; allowed: ") {
					t.Errorf("fault %q, want one with %q", fault, tt.want[i])
				}
			}
		})
	}
	t.Run("ErrBesideVariables", func(t *testing.T) {
		t.Parallel()
		found := faultsOf(t, production("SETTLEBANK_MERCHANTS_FILE="+write(t, "m.yaml", "merchants: ["+good+"]"))...)
		wantLines(t, []string{"SETTLEBANK_MCHT_ID and SETTLEBANK_MERCHANTS_FILE", "SETTLEBANK_HASH_KEY and", "SETTLEBANK_AES_KEY and"}, found)
	})
	t.Run("ErrMissing", func(t *testing.T) {
		t.Parallel()
		found := faultsOf(t, "SETTLEBANK_MERCHANTS_FILE=/nowhere/m.yaml")
		wantLines(t, []string{"SETTLEBANK_MERCHANTS_FILE cannot be read: open /nowhere/m.yaml: no such file"}, found)
	})
}

// FuzzDecodeYAML checks that whatever stands in a file of merchants is either
// taken or refused with one line that quotes nothing of it.
func FuzzDecodeYAML(f *testing.F) {
	for _, seed := range []string{"merchants: [{mchtId: a}]", "a: &x [*x]", "a: 'b", "\t- a", "---\n---\n", "? a\n: b", "a: !!binary x", "<<: *a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		const secret = "LEAKLEAKLEAK"
		_, err := decodeYAML([]byte(content + secret))
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows the content: %v", err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error is no line: %q", err)
		}
	})
}

package gateway

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"settlecancel/gateway/settlebank"
)

func testCipher(t testing.TB) fieldCipher {
	t.Helper()
	c, err := newFieldCipher(settlebank.NewSecret(testAESKey))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCipherVectors encrypts and decrypts the golden vectors.
func TestCipherVectors(t *testing.T) {
	t.Parallel()
	var v struct {
		AES []struct{ Plain, Base64 string }
	}
	if err := json.Unmarshal(vectorFile, &v); err != nil || len(v.AES) == 0 {
		t.Fatalf("%d vectors, %v", len(v.AES), err)
	}
	c := testCipher(t)
	for _, v := range v.AES {
		if got := c.encrypt(v.Plain); got != v.Base64 {
			t.Errorf("%s encrypted: got %s, want %s", v.Plain, got, v.Base64)
		}
		if got, ok := c.decrypt(v.Base64); !ok || got != v.Plain {
			t.Errorf("%s decrypted: got %q, %t, want %s", v.Base64, got, ok, v.Plain)
		}
		if got := testSealed(v.Plain); got != v.Base64 {
			t.Errorf("the tests' own cipher makes %s of %s", got, v.Plain)
		}
	}
}

func TestCipherLengths(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	for n := range 50 {
		plain := strings.Repeat("가1", 20)[:n]
		sealed := c.encrypt(plain)
		if want := testSealed(plain); sealed != want {
			t.Errorf("%d bytes: got %s, want %s", n, sealed, want)
		}
		if got, ok := c.decrypt(sealed); !ok || got != plain {
			t.Errorf("%d bytes: got %q, %t back", n, got, ok)
		}
	}
}

func TestCipherRefusals(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	// block encrypts 16 bytes as they are, without padding of their own.
	block := func(plain string) string {
		b := []byte(plain)
		c.block.Encrypt(b, b)
		return base64.StdEncoding.EncodeToString(b)
	}
	if got, ok := c.decrypt(block("1000" + strings.Repeat("\x0c", 12))); !ok || got != "1000" {
		t.Fatalf("a sound block: got %q, %t", got, ok)
	}
	for name, text := range map[string]string{
		"ErrEmpty":         "",
		"ErrPlain":         "1000",
		"ErrBase64":        "AntV/eDpxIaKF0hJiePDK*==",
		"ErrURLAlphabet":   "AntV_eDpxIaKF0hJiePDKA==",
		"ErrNoPadding":     "AntV/eDpxIaKF0hJiePDKA",
		"ErrHalfBlock":     base64.StdEncoding.EncodeToString(make([]byte, 8)),
		"ErrBlockAndAHalf": base64.StdEncoding.EncodeToString(make([]byte, 24)),
		"ErrPadZero":       block("1000" + strings.Repeat("\x00", 12)),
		"ErrPadTooLong":    block("1000" + strings.Repeat("\x11", 12)),
		"ErrPadMixed":      block("1000" + strings.Repeat("\x0c", 10) + "\x0b\x0c"),
		"ErrPadCut":        block("10000" + strings.Repeat("\x0c", 11)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := c.decrypt(text); ok {
				t.Errorf("decrypted to %q", got)
			}
		})
	}
}

func TestCipherAmount(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	for _, tt := range []struct {
		name, raw string
		want      int64 // -1: none
	}{
		{"OK", `"` + testSealed("1000") + `"`, 1000},
		{"OKZero", `"` + testSealed("0") + `"`, 0},
		{"OKPadded", `"` + testSealed("000000001000") + `"`, 1000},
		{"ErrThirteenDigits", `"` + testSealed("0000000001000") + `"`, -1},
		{"ErrNegative", `"` + testSealed("-1") + `"`, -1},
		{"ErrNoDigits", `"` + testSealed("") + `"`, -1},
		{"ErrText", `"` + testSealed("1,000") + `"`, -1},
		{"OKPlain", `"1000"`, 1000},
		{"OKNumber", `1000`, 1000},
		{"ErrFraction", `1000.5`, -1},
		{"ErrNull", `null`, -1},
		{"ErrMissing", ``, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := c.amount(object{{"a", []byte(tt.raw)}}, "a")
			if (got == nil) != (tt.want < 0) || got != nil && *got != tt.want {
				t.Errorf("got %v, want %d", got, tt.want)
			}
		})
	}
}

func TestCipherKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", testAESKey[:16], testAESKey + "x"} {
		_, err := newFieldCipher(settlebank.NewSecret(key))
		if err == nil || !strings.Contains(err.Error(), "want 32") || key != "" && strings.Contains(err.Error(), "pgS") {
			t.Errorf("a key of %d bytes: got %v", len(key), err)
		}
	}
}

// FuzzDecrypt: what can be decrypted is what is encrypted so, and means the same to another
// implementation.
func FuzzDecrypt(f *testing.F) {
	for _, s := range []string{testSealed("1000"), testSealed(""), testSealed("0000000000000000"), "AntV/eDpxIaKF0hJiePDKA", "AAAA", "", "\n"} {
		f.Add(s)
	}
	c := testCipher(f)
	f.Fuzz(func(t *testing.T, text string) {
		plain, ok := c.decrypt(text)
		if want, known := testOpened(text); ok && (!known || want != plain) {
			t.Errorf("got %q, want %q, %t", plain, want, known)
		}
		if ok && c.encrypt(plain) != strings.NewReplacer("\r", "", "\n", "").Replace(text) {
			t.Errorf("%q decrypts to %q, which encrypts to %q", text, plain, c.encrypt(plain))
		}
	})
}

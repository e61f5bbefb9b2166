package gateway

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"

	"github.com/google/go-cmp/cmp"
)

// TestNotificationHash checks the recipe against the golden vectors.
func TestNotificationHash(t *testing.T) {
	t.Parallel()
	var v struct {
		Noti []struct{ OutStatCd, Date, Time, MchtID, MchtTrdNo, TrdAmt, PktHash string }
	}
	if err := json.Unmarshal(vectorFile, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Noti) == 0 {
		t.Fatal("vectors.json has no vectors for noti")
	}
	for _, n := range v.Noti {
		if got := notificationHash(settlebank.NewSecret(testHashKey), n.OutStatCd, n.Date+n.Time, n.MchtID, n.MchtTrdNo, n.TrdAmt); got != n.PktHash {
			t.Errorf("hash %s, want %s", got, n.PktHash)
		}
	}
}

// notiForm is a notification, signed after the edits; a name with "-" is taken away, one edited
// with pktHash stays as it is.
func notiForm(edits ...string) url.Values {
	f := url.Values{
		"outStatCd": {"0021"}, "trdNo": {"C1"}, "method": {"CA"}, "bizType": {"C0"}, "mchtId": {"nxca_jt_bi"},
		"mchtTrdNo": {"CNCL-refund-1"}, "trdDtm": {"20240102235959"}, "trdAmt": {"500"}, "orgTrdNo": {"T1"},
		"orgTrdDt": {"20231215"}, "cnclType": {"10"},
	}
	for i := 0; i+1 < len(edits); i += 2 {
		if edits[i+1] == "-" {
			f.Del(edits[i])
			continue
		}
		f.Set(edits[i], edits[i+1])
	}
	if _, given := f["pktHash"]; !given {
		f.Set("pktHash", notificationHash(settlebank.NewSecret(testHashKey), f.Get("outStatCd"), f.Get("trdDtm"), f.Get("mchtId"), f.Get("mchtTrdNo"), f.Get("trdAmt")))
	}
	return f
}

func TestNotification(t *testing.T) {
	t.Parallel()
	c := testClient(t, Options{})
	twice := notiForm()
	twice.Add("orgTrdNo", "T2")
	want := Notification{
		Done: true, Cancellation: true, TrdNo: "C1", Method: "CA", MchtID: "nxca_jt_bi", MchtTrdNo: "CNCL-refund-1",
		Time: time.Date(2024, 1, 2, 14, 59, 59, 0, time.UTC), Amount: 500, OrgTrdNo: "T1", OrgTrdDt: "20231215",
	}
	for _, tt := range []struct {
		name string
		form url.Values
		is   error
		says string
	}{
		{"OK", notiForm(), nil, ""},
		{"OKNoNumberOfOurs", notiForm("mchtTrdNo", "-"), nil, ""},
		{"OKRefund", notiForm("bizType", "C1"), nil, ""},
		{"OKFailure", notiForm("outStatCd", "0031", "trdNo", "-", "orgTrdNo", "-"), nil, ""},
		{"OKPayment", notiForm("bizType", "B0", "orgTrdNo", "-"), nil, ""},
		{"ErrHash", notiForm("pktHash", strings.Repeat("0", 64)), ErrNotificationHash, ""},
		{"ErrNoHash", notiForm("pktHash", "-", "pktHash", ""), ErrNotificationHash, ""},
		{"ErrOtherAmount", notiForm("pktHash", notiForm().Get("pktHash"), "trdAmt", "501"), ErrNotificationHash, ""},
		{"ErrMerchant", notiForm("mchtId", "other"), ErrNotificationHash, ""},
		{"ErrTwice", twice, ErrNotificationForm, "orgTrdNo stands there twice"},
		{"ErrNoTrdNo", notiForm("trdNo", "-"), ErrNotificationForm, "trdNo"},
		{"OKNoOriginal", notiForm("orgTrdNo", "-"), nil, ""},
		{"OKNoAmount", notiForm("trdAmt", "-"), nil, ""},
		{"OKUpperHash", notiForm("pktHash", strings.ToUpper(notiForm().Get("pktHash"))), nil, ""},
		{"ErrOriginal", notiForm("orgTrdNo", "T 1"), ErrNotificationForm, "orgTrdNo"},
		{"ErrAmount", notiForm("trdAmt", "5.00"), ErrNotificationForm, "trdAmt"},
		{"ErrTime", notiForm("trdDtm", "2024010223595"), ErrNotificationForm, "trdDtm"},
		{"ErrTimeFraction", notiForm("trdDtm", "20240102235959.5"), ErrNotificationForm, "trdDtm"},
		{"ErrEmpty", url.Values{}, ErrNotificationForm, "outStatCd is missing; trdDtm is no time yyyyMMddHHmmss; mchtId is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := c.Notification(tt.form)
			if !errors.Is(err, tt.is) || (err == nil) != (tt.is == nil) {
				t.Fatalf("error %v, want %v", err, tt.is)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), testHashKey)) {
				t.Errorf("error %v", err)
			}
			if tt.name == "OK" {
				if d := cmp.Diff(want, n, sameInstant); d != "" {
					t.Errorf("notification (-want +got):\n%s", d)
				}
			}
			if err != nil && n != (Notification{}) {
				t.Errorf("with an error it answers %+v", n)
			}
		})
	}
	for name, done := range map[string]bool{"0021": true, "0031": false, "0051": false} {
		if n, err := c.Notification(notiForm("outStatCd", name)); err != nil || n.Done != done {
			t.Errorf("outStatCd %s: %+v, %v", name, n, err)
		}
	}
	if n, err := c.Notification(notiForm("bizType", "B0")); err != nil || n.Cancellation {
		t.Errorf("a payment: %+v, %v", n, err)
	}
}

// FuzzNotification: nothing without its merchant's hash is taken, and what is taken is whole.
func FuzzNotification(f *testing.F) {
	f.Add(notiForm().Encode(), true)
	f.Add(notiForm("bizType", "B0").Encode(), true)
	f.Add("pktHash=&mchtId=nxca_jt_bi", false)
	f.Add("%zz", false)
	f.Fuzz(func(t *testing.T, query string, signed bool) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		c := testClient(t, Options{})
		hash := notificationHash(settlebank.NewSecret(testHashKey), form.Get("outStatCd"), form.Get("trdDtm"), form.Get("mchtId"), form.Get("mchtTrdNo"), form.Get("trdAmt"))
		if signed {
			form.Set("pktHash", hash)
		}
		n, err := c.Notification(form)
		if err != nil {
			return
		}
		if form.Get("pktHash") != hash || n.MchtID != "nxca_jt_bi" || n.Time.IsZero() || n.Amount < 0 ||
			n.Done && n.Cancellation && (n.TrdNo == "" || n.OrgTrdNo == "") {
			t.Errorf("took %+v from %q", n, query)
		}
	})
}

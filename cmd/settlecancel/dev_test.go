package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestDevOnce(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t, app: app{environ: []string{"HTTP_ADDR=127.0.0.1:0"}}}
	o := c.run("dev", "--once")
	o.want(t, exitDone, []string{"5 cancellations ended as they should; SettleBank carried out 4, none of them twice."}, nil)
	for _, s := range []string{"cancelled · canTrdNo", "transient ST41", "rejected 1002", "inquiry 2"} {
		if !strings.Contains(o.out, s) {
			t.Errorf("the story does not tell %q:\n%s", s, o.out)
		}
	}
}

// dev stays up after its story, and a cancellation sent with nothing but HTTP is carried out.
func TestDevStaysUp(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out := &lockedBuffer{}
	a := app{in: strings.NewReader(""), out: out, err: io.Discard, environ: []string{"HTTP_ADDR=127.0.0.1:0"}}
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"dev"}) }()
	p := &plant{TB: t}
	p.until("the story has ended", 2*time.Minute, func() bool { return strings.Contains(out.String(), "Still running") })
	base := regexp.MustCompile(`dashboard +(http://[^/]+)/`).FindStringSubmatch(out.String())
	if base == nil {
		t.Fatalf("no address:\n%s", out)
	}
	body := `{"idempotencyKey":"by-http","mchtId":"nxca_jt_bi","orgTrdNo":"STFP_PGCAnxca_jt_il0211129135810M1494620",` +
		`"orgMchtTrdNo":"ORDER20231215143022","orgTrdDt":"20231215","canAmt":500,"orgTrdAmt":1000,"method":"CA"}`
	resp, err := http.Post(base[1]+"/v1/cancellations", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("POST: %s", resp.Status)
	}
	p.until("it is cancelled", time.Minute, func() bool {
		resp, err := http.Get(base[1] + "/v1/cancellations/by-http")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(text), `"status":"cancelled"`)
	})
	stop()
	if code := <-ended; code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

package worker

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	webhookTimeout = 15 * time.Second
	// maxWebhookAnswer is how much of a receiver's answer is read, so that its connection can be
	// used again. Nothing of it is kept.
	maxWebhookAnswer = 64 << 10
)

// Webhook is a receiver of events, spoken to after the Standard Webhooks convention. It shows
// neither its URL, which may hold a token, nor its secret.
type Webhook struct {
	url    string
	secret []byte
	client *http.Client
}

// NewWebhook returns the receiver at an http or https URL; secret is the decoded key that signs
// what it is sent. The error does not show the URL.
func NewWebhook(to string, secret []byte) (*Webhook, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("worker: the webhook's URL is no http or https URL")
	}
	if len(secret) == 0 {
		return nil, errors.New("worker: the webhook has no secret to sign with")
	}
	return &Webhook{url: to, secret: slices.Clone(secret), client: &http.Client{
		Timeout:       webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // Proxy stays nil: events go to the receiver and nobody between
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    webhookConcurrency,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
		},
	}}, nil
}

// String names neither URL nor secret.
func (Webhook) String() string { return "webhook" }

// GoString is String.
func (h Webhook) GoString() string { return h.String() }

// Format prints String, whatever the verb: %d and its like would show the secret's bytes.
func (h Webhook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// refused is an answer other than success.
type refused struct {
	status     int
	retryAfter time.Duration // as the receiver asked; 0 if it did not
}

func (r *refused) Error() string { return "the webhook's receiver answered " + strconv.Itoa(r.status) }

// sign returns the signature over id, time and body: Standard Webhooks, symmetric.
func sign(secret []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// deliver sends one event. nil says that the receiver has it; *refused that it answered otherwise;
// any other error that no answer came.
func (h *Webhook) deliver(ctx context.Context, id string, body []byte, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's URL cannot be used") // the error itself shows it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "settlecancel")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", sign(h.secret, id, now, body))
	res, err := h.client.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // without the URL
		}
		return fmt.Errorf("the webhook's receiver did not answer: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxWebhookAnswer)
	if res.StatusCode/100 == 2 {
		return nil
	}
	seconds, _ := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16)
	return &refused{status: res.StatusCode, retryAfter: time.Duration(seconds) * time.Second}
}

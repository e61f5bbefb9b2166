// Package httpapi is tasks.Client over HTTP: order systems hand over cancellations and look at
// them, people decide on dead letters.
//
//	POST /v1/cancellations                 accept one            producers
//	POST /v1/cancellations:batch           accept up to 1,000    producers
//	GET  /v1/cancellations/{key}           look at one           producers
//	GET  /v1/cancellations                 list                  ops
//	POST /v1/cancellations/{key}/retry     back to work          ops
//	POST /v1/cancellations/{key}/resolve   end it                ops
//	GET  /openapi.json, /docs              this, for machines and for people
//
// A cancellation is accepted (202) once ledger and queue both hold it. Whoever got no 202 repeats
// the request with the same idempotency key until there is one: it is carried out once, however
// often it is asked for.
//
// A request passes, in this order: its request id, the defence against foreign pages, who is asking
// (guard.go), how often (limiters.go), what it says (request.go, json.go), and then its operation
// (accept.go, batch.go, list.go, decide.go). Whatever stops it answers with a problem (RFC 9457,
// problem.go), and so does a path that does not exist, or a panic. Every operation is declared once
// (operations.go); huma.Register makes of it its route, its parameters, its answer, and its part of
// the OpenAPI document (openapi.go).
//
// Query and body are checked here before huma sees them: it would pass over a parameter that stands
// twice, and take a field that does.
package httpapi

package httpapi

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
)

// field is what the document says of a field of a cancellation. What tasks.Parse takes is decided
// there; a test holds the two together.
type field struct {
	doc      string
	schema   huma.Schema
	required bool
}

func text(doc string, longest int) field {
	return field{doc: doc, schema: huma.Schema{Type: huma.TypeString, MaxLength: &longest}}
}

// trimmed is a text of some characters that neither starts nor ends with a space.
func trimmed(doc string, longest int, pattern string) field {
	f := text(doc, longest)
	f.schema.Pattern = pattern
	return f
}

func code(doc, pattern string) field {
	return field{doc: doc, schema: huma.Schema{Type: huma.TypeString, Pattern: pattern}}
}

func choose(doc string, from []string) field {
	enum := make([]any, len(from))
	for i, value := range from {
		enum[i] = value
	}
	return field{doc: doc, schema: huma.Schema{Type: huma.TypeString, Enum: enum}}
}

// amount is a whole number. That its digits are taken as a string too is told to people alone: a
// client that is made of the document shall have one type for money.
func amount(doc string, least float64) field {
	most := float64(settlebank.MaxAmount)
	return field{doc: doc + " Its digits as a string are taken, too.",
		schema: huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &least, Maximum: &most}}
}

func (f field) needed() field {
	f.required = true
	return f
}

func keySchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^[A-Za-z0-9._:-]{1,64}$`}
}

const anyTrimmed = `^\S(.*\S)?$`

// fields describes a cancellation. Which fields it has comes from tasks.Cancellation itself.
func fields() map[string]field {
	return map[string]field{
		"idempotencyKey": {doc: "Names this cancellation, for ever. Required here or in the header Idempotency-Key.", schema: *keySchema()},
		"mchtId":         code("Merchant id.", `^[A-Za-z0-9_-]{1,12}$`),
		"orgTrdNo":       trimmed("SettleBank's number of the original transaction; printable ASCII.", settlebank.MaxOrgTrdNo, `^[!-~]([ -~]*[!-~])?$`).needed(),
		"orgMchtTrdNo":   trimmed("The merchant's order number of the original transaction.", settlebank.MaxMchtTrdNo, anyTrimmed).needed(),
		"orgTrdDt":       code("Date of the original transaction, yyyyMMdd in Korean time; tomorrow at the latest.", `^[0-9]{8}$`).needed(),
		"canAmt":         amount("Amount to cancel, in the currency's smallest unit. Required, but for operation withdraw, which takes none.", 1),
		"orgTrdAmt":      amount("Amount of the original transaction. With method it makes an unknown outcome verifiable: always send it where it is known.", 1),
		"method": choose("Payment method. With orgTrdAmt it makes an unknown outcome verifiable: always send it where it is known.",
			settlebank.Methods()),
		"cancelledSoFar": amount("What you take for cancelled of the payment already, or accepted. Where that is known to be otherwise nothing is accepted: "+
			"so a refund that comes again under another key is not made twice.", 0),
		"reason":        text("Why, for people. The gateway sees its first 255 characters.", 1000),
		"operation":     choose("cancel where it is left out. refund transfers the money to a bank account; withdraw takes back a virtual account number.", settlebank.Ops()),
		"currency":      choose("KRW where it is left out: amounts are whole won. USD: amounts are cents.", settlebank.Currencies()),
		"taxTypeCd":     choose("Y exempt, N taxable, G compound; the merchant's setting where it is left out.", settlebank.TaxTypes()),
		"taxAmt":        amount("Taxable part; required for G.", 0),
		"vatAmt":        amount("Value-added tax; required for G.", 0),
		"taxFreeAmt":    amount("Exempt part; required for G.", 0),
		"svcAmt":        amount("Service charge.", 0),
		"refundBankCd":  code("Operation refund: the bank.", `^[0-9]{3}$`),
		"refundAcntNo":  code("Operation refund: the account number. It is never answered.", `^[0-9]{1,16}$`),
		"refundDpstrNm": trimmed("Operation refund: the account holder.", settlebank.MaxRefundDpstrNm, anyTrimmed),
		"vAcntNo":       code("Operation withdraw: the virtual account number. It is never answered.", `^[0-9]{1,20}$`),
	}
}

// fieldNames returns the names of a cancellation's fields, in order.
func fieldNames() (names []string) {
	for f := range reflect.TypeFor[tasks.Cancellation]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// answerFields describes what a record has besides, by the type of the part.
func answerFields() map[string]map[string]string {
	return map[string]map[string]string{
		"Cancellation": {
			"queue": "Where it waits, or waited.", "status": "How far it has come.", "closed": "A person ended it.",
			"canTrdNo":   "The cancellation's number at SettleBank.",
			"code":       "SettleBank's result code: of the outcome, or of the latest attempt while it is open.",
			"message":    "SettleBank's message to the code.",
			"acceptedAt": "When it was accepted.", "acceptedBy": "Name of the credentials that it was accepted under.",
			"endedAt": "When it ended; of a dead letter, when it became one.", "nextAt": "When the next step is due.",
			"retriesSpent": "Of the retry budget.", "attempts": "The latest requests and inquiries, in order.",
			"olderAttemptsDropped": "How many older ones are no longer kept.", "acts": "What people decided.",
		},
		"Attempt": {
			"kind": "request, inquiry, or late: the answer to a request that had been given up.", "startedAt": "When it began.",
			"millis": "How long it took, in ms; 0 while under way.", "underWay": "It has no outcome yet.",
			"class": "What kind of answer it brought.", "code": "SettleBank's result code.", "message": "SettleBank's message to the code.",
			"httpStatus": "HTTP status of the answer.", "shownCancelled": "The cancelled sum that an inquiry showed.",
			"rawAnswer": "What SettleBank sent, with all values hidden that nobody may see; of the last five, until SettleBank settles it.",
		},
		"CancellationEvent": {
			"id": "Names the event: the same whenever it is told again, and the header webhook-id.", "type": "cancellation. and the status.",
			"timestamp": "Since when the cancellation is in that state.", "seq": "Counts the events of one cancellation, from 1.",
			"data": "The cancellation as it was then.",
		},
		"EventData": {
			"idempotencyKey": "Names the cancellation.", "mchtId": "Merchant id.", "orgTrdNo": "SettleBank's number of the original transaction.",
			"orgMchtTrdNo": "The merchant's order number of the original transaction.", "orgTrdDt": "Date of the original transaction, yyyyMMdd in Korean time.",
			"canAmt": "Amount to cancel, in the currency's smallest unit.", "currency": "KRW where it is left out.",
			"status": "How it ended, or the dead letter that it became.", "closed": "A person ended it.",
			"canTrdNo": "The cancellation's number at SettleBank.", "code": "SettleBank's result code of the outcome.",
			"message": "SettleBank's message to the code.",
		},
		"Act": {"at": "When.", "who": "Who.", "what": "retry, or resolve and what it was resolved as.", "note": "Why."},
	}
}

// exampleRequest is the cancellation that the document shows.
func exampleRequest() map[string]any {
	return map[string]any{"idempotencyKey": "refund-20231215-0001", "mchtId": "nxca_jt_bi", "orgTrdNo": "STFP_PGCAnxca_jt_il0211129135810M1494620",
		"orgMchtTrdNo": "ORDER20231215143022", "orgTrdDt": "20231215", "canAmt": 500, "orgTrdAmt": 1000, "method": "CA", "reason": "returned by the customer"}
}

// request returns the schema of a body.
func (a *API) request(name string) *huma.Schema {
	registry := a.huma.OpenAPI().Components.Schemas
	ref := &huma.Schema{Ref: schemaPrefix + name}
	if registry.Map()[name] != nil {
		return ref
	}
	switch name {
	case "RetryRequest":
		registry.Schema(reflect.TypeFor[retryRequest](), true, name)
	case "ResolveRequest":
		registry.Schema(reflect.TypeFor[resolveRequest](), true, name)
	case "BatchRequest":
		least, most := 1, maxItems
		registry.Map()[name] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"items"},
			Properties: map[string]*huma.Schema{"items": {Type: huma.TypeArray, MinItems: &least, MaxItems: &most,
				Description: "The cancellations, each with its key.", Items: a.request("CancellationRequest")}}}
	default:
		registry.Map()[name] = a.cancellationSchema()
	}
	return ref
}

func (a *API) cancellationSchema() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{}}
	described := fields()
	for _, name := range fieldNames() {
		d := described[name]
		d.schema.Description = d.doc
		s.Properties[name] = &d.schema
		if d.required || name == "mchtId" && a.parse.DefaultMchtID == "" {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

// completeSchemas says of what is answered what a reader of it wants to know. Readers must expect
// fields that a later version adds.
func (a *API) completeSchemas() {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	for name, described := range answerFields() {
		for field, doc := range described {
			schemas[name].Properties[field].Description = doc
		}
	}
	record := schemas["Cancellation"]
	for name, f := range fields() {
		record.Properties[name].Description = f.doc
	}
	record.Properties["status"].Enum = statusEnum()
	schemas["EventData"].Properties["status"].Enum = statusEnum()
	for _, name := range []string{"Cancellation", "Attempt", "Act", "Problem", "Fault", "Batch", "Item", "Page", "CancellationEvent", "EventData"} {
		schemas[name].AdditionalProperties = nil
		for _, property := range schemas[name].Properties {
			property.Nullable = false
		}
	}
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(schemas, name) // huma's own problems, which are never answered
	}
}

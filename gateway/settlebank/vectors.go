package settlebank

import _ "embed"

//go:embed vectors.json
var vectors string

// Vectors returns the golden vectors: messages made with the testbed's keys, with what their hashes
// and encrypted fields must be. They were checked against the vendor's own examples. It is a JSON
// object of lists, one for each kind of message.
func Vectors() string { return vectors }

//go:embed notifications.json
var notifications string

// Notifications returns genuine notifications of the testbed, as JSON: an object whose member
// notifications is a list of forms, with what each is under "what".
func Notifications() string { return notifications }

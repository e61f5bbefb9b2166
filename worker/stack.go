package worker

// growStack lets the stack of a new goroutine grow at once. asynq begins one for each task, with a
// stack of 2 KiB; grown step by step, deep in the decoding of JSON, it would be copied three times.
//
//go:noinline
func growStack() {
	var room [12 << 10]byte
	touch(&room)
}

//go:noinline
func touch(room *[12 << 10]byte) { room[0] = 1 }

package redistest

import (
	"os"
	"path/filepath"
	"testing"
)

// logs is where a server of Redis 7 keeps its append-only files.
func (s *Server) logs() string { return filepath.Join(s.dir, "appendonlydir") }

// CutLog takes the last n bytes off the append-only file, as a power cut does with what the system
// had not written yet. The server must have been killed. It returns how many bytes are left.
func (s *Server) CutLog(t testing.TB, n int64) int64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.logs(), "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("redistest: %d append-only files: %v", len(files), err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	left := max(info.Size()-n, 0)
	if err := os.Truncate(files[0], left); err != nil {
		t.Fatal(err)
	}
	return left
}

// Copy copies what the server has persisted, which it may go on with meanwhile.
func (s *Server) Copy(t testing.TB) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(s.logs())); err != nil {
		t.Fatal(err)
	}
	return to
}

// PutBack puts a copy in the place of what the server has persisted. The server must have been
// killed.
func (s *Server) PutBack(t testing.TB, from string) {
	t.Helper()
	if err := os.RemoveAll(s.logs()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(s.logs(), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

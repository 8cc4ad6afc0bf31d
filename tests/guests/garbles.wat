;; Asks the host for a value whose name is no text.
(i32.store (i32.const 48) (i32.const 0xffffffff))
(call $kv-read (i32.const 48) (i32.const 4) (i32.const 64))
(i32.const 16)

;; Traps for each third call, whichever instance gets it: the host remembers the count.
(call $kv-read (i32.const 1024) (i32.const 1) (i32.const 64))
(i32.store8 (i32.const 48)
  (if (result i32) (i32.load8_u (i32.const 68))
    (then (i32.add (i32.load8_u (i32.load (i32.const 72))) (i32.const 1)))
    (else (i32.const 1))))
(call $kv-write (i32.const 1024) (i32.const 1) (i32.const 1) (i32.const 48) (i32.const 1) (i32.const 80))
(if (i32.eqz (i32.rem_u (i32.load8_u (i32.const 48)) (i32.const 3))) (then (unreachable)))
(i32.const 16)

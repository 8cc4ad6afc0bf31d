;; Stores six values of 64 KiB under ever new names, and answers with what the host says to the last one.
(loop $on
  (i32.store8 (i32.const 48) (i32.add (i32.const 32) (i32.and (global.get $turns) (i32.const 63))))
  (i32.store8 (i32.const 49) (i32.add (i32.const 32) (i32.shr_u (global.get $turns) (i32.const 6))))
  (call $kv-write (i32.const 48) (i32.const 2) (i32.const 1) (i32.const 0) (i32.const 65536) (i32.const 16))
  (global.set $turns (i32.rem_u (i32.add (global.get $turns) (i32.const 1)) (i32.const 4092)))
  (br_if $on (i32.rem_u (global.get $turns) (i32.const 6))))
(i32.const 16)

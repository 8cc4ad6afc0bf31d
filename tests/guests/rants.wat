;; Logs five hundred lines of 1 KiB, and then decides as if nothing had happened.
(loop $on
  (call $log (i32.const 1) (i32.const 1024) (i32.const 1024))
  (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
  (br_if $on (i32.rem_u (global.get $turns) (i32.const 500))))
(i32.const 16)

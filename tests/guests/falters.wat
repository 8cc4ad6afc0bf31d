;; Admits on an instance's first call and traps on its second.
(if (i32.eq (global.get $calls) (i32.const 2)) (then (unreachable)))
(i32.const 16)

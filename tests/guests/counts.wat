;; Refuses with 400 and the number of this instance's calls.
(i32.store8 (i32.const 20) (i32.const 2))
(i32.store16 (i32.const 24) (i32.add (i32.const 400) (global.get $calls)))
(i32.const 16)

;; Says that it cannot: an error of two characters, which lie in the answer itself.
(i32.store8 (i32.const 16) (i32.const 1))
(i32.store (i32.const 20) (i32.const 48))
(i32.store (i32.const 24) (i32.const 2))
(i32.store16 (i32.const 48) (i32.const 0x6f6e))
(i32.const 16)

;; Says that it cannot, in a text that ends in the middle of a character.
(i32.store8 (i32.const 16) (i32.const 1))
(i32.store (i32.const 20) (i32.const 48))
(i32.store (i32.const 24) (i32.const 2))
(i32.store16 (i32.const 48) (i32.const 0xb1e6))
(i32.const 16)

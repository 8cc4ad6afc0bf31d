;; Says that it cannot, in a text of 8 MiB.
(drop (memory.grow (i32.const 128)))
(i32.store8 (i32.const 16) (i32.const 1))
(i32.store (i32.const 20) (i32.const 4096))
(i32.store (i32.const 24) (i32.const 8388608))
(i32.const 16)

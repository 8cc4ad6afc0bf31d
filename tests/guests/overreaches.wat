;; Says that it cannot, in a text that would end behind its memory.
(i32.store8 (i32.const 16) (i32.const 1))
(i32.store (i32.const 20) (i32.const 48))
(i32.store (i32.const 24) (i32.const 65536))
(i32.const 16)

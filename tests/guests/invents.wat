;; Chooses a recording that is not there and the first of the page: three deletions of four words each, from 48 on.
;; The third repeats the second.
(i32.store16 (i32.const 128) (i32.const 0x6f6e))
(i32.store (i32.const 36) (i32.const 48))
(i32.store (i32.const 40) (i32.const 3))
(i32.store (i32.const 48) (i32.const 128))
(i32.store (i32.const 52) (i32.const 2))
(i32.store (i32.const 64) (i32.load (local.get $recordings)))
(i32.store (i32.const 68) (i32.load offset=4 (local.get $recordings)))
(i32.store (i32.const 72) (i32.const 128))
(i32.store (i32.const 76) (i32.const 2))
(i32.store (i32.const 80) (i32.load (local.get $recordings)))
(i32.store (i32.const 84) (i32.load offset=4 (local.get $recordings)))
(i32.const 32)

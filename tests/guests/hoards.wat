;; Takes all the memory it can get, then does what allocators do that get no more.
(loop $on (br_if $on (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))
(unreachable)

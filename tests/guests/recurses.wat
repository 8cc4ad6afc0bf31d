;; Calls itself until the stack is full.
(call $register (i32.const 0))

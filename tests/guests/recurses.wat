;; Fills the stack.
(call $descend)

int el_stub(void); int el_stub(void) { return 1; }

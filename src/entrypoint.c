/* R loads the library here; the Rust side registers its functions. */

void R_init_neuralee_extendr(void *dll);
void register_extendr_panic_hook(void);

void R_init_neuralee(void *dll) {
    register_extendr_panic_hook();
    R_init_neuralee_extendr(dll);
}

// The gate and the loader's start, aarch64.  Offsets are those of layout.h.
//
// No thread is sent through the gate itself: svc keeps every register but x0, and no
// instruction jumps to an address in memory, so the way back would cost the guest a
// register.  Replaced arguments are put back by a second stop instead.
        .section .gate, "ax", @progbits
        .globl  gate_call
gate_call:
        svc     #0
        brk     #0

        .org    0x40
loader_call:
        svc     #0
        ret

// long loader_syscall(number, a, b, c, d, e, f): the procedure call standard's registers to
// the kernel's.
        .globl  loader_syscall
loader_syscall:
        mov     x8, x0
        mov     x0, x1
        mov     x1, x2
        mov     x2, x3
        mov     x3, x4
        mov     x4, x5
        mov     x5, x6
        b       loader_call

        .globl  _start
_start:
        mov     x19, sp
        bl      load_guest
// A program starts with all general registers zero (start_thread() in the kernel's
// asm/processor.h) and the stack as exec laid it out, but for x16, through which
// programs with branch target identification let themselves be entered.
        mov     sp, x19
        adrp    x16, loader_jump
        ldr     x16, [x16, :lo12:loader_jump]
        msr     nzcv, xzr
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19
        mov     x\n, xzr
        .endr
        .irp    n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
        mov     x\n, xzr
        .endr
        br      x16

        .org    0xff0
        brk     #0

        .section .note.GNU-stack, "", @progbits

// The gate and the loader's start, x86_64.  Offsets are those of layout.h.
//
// A thread gets to gate_call with the call's number and translated arguments in
// place, everything else the guest's own but r15, which points at its slot.
// The kernel leaves rcx and r11 as it leaves them for the guest's own syscall
// instruction, once rcx holds the address behind that one.  Nothing here
// touches flags or stack.
        .section .gate, "ax", @progbits
        .globl  gate_call
gate_call:
        syscall
        movq    0x00(%r15), %rdi
        movq    0x08(%r15), %rsi
        movq    0x10(%r15), %rdx
        movq    0x18(%r15), %r10
        movq    0x20(%r15), %r8
        movq    0x28(%r15), %r9
        movq    0x30(%r15), %rcx
        movq    0x38(%r15), %r15
        jmpq    *%rcx

        .org    0x40
loader_call:
        syscall
        ret

// The handler's: rbx points at its FastSlot (memo.h).
        .org    0x80
        .globl  fast_gate
fast_gate:
        syscall
        movq    %rax, 0x10(%rbx)
        movl    $1, 0x04(%rbx)
        ret

// long loader_syscall(number, a, b, c, d, e, f): System V to kernel registers.
        .globl  loader_syscall
loader_syscall:
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        movq    %r9, %r8
        movq    8(%rsp), %r9
        jmp     loader_call

        .globl  _start
_start:
        movq    %rsp, %rbx
        andq    $-16, %rsp
        call    load_guest
// A program starts with all general registers zero (ELF_PLAT_INIT in the
// kernel's asm/elf.h) and the stack as exec laid it out.
        movq    %rbx, %rsp
        xorl    %eax, %eax
        xorl    %ebx, %ebx
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        xorl    %esi, %esi
        xorl    %edi, %edi
        xorl    %ebp, %ebp
        xorl    %r8d, %r8d
        xorl    %r9d, %r9d
        xorl    %r10d, %r10d
        xorl    %r11d, %r11d
        xorl    %r12d, %r12d
        xorl    %r13d, %r13d
        xorl    %r14d, %r14d
        xorl    %r15d, %r15d
        pushq   $0x202
        popfq
        jmpq    *loader_jump

        .org    0xfe0
        .quad   fast_entry
        .org    0xff0
        int3

        .section .note.GNU-stack, "", @progbits

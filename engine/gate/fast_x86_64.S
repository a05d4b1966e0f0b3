// The way into the fast path's handler and out of it, x86_64.
//
// A patched site comes here by a jump, with rax the call's number, rcx the
// address behind its intact syscall instruction and r11 free.  Nothing else of
// the guest's may change: not its flags, not a byte of its stack.  So a slot is
// claimed without arithmetic: the stack's address picks a first one (threads'
// stacks are some 8 MiB apart), an exchange claims it, and jump tables take the
// place of conditions.  Offsets and sizes are those of memo.h; the tracer's
// unwind.cc knows each instruction's length here.

#define SLOTS      0x70198000
#define SLOT_SIZE  0x2800
#define SLOT_STACK 0xe00
#define SLOT_COUNT 32

        .section .fast, "ax", @progbits
        .globl  fast_entry
fast_entry:
        movl    %esp, %r11d
        leal    0(,%r11,2), %r11d
        bswapl  %r11d
        movzbl  %r11b, %r11d
        jmpq    *fast_starts(,%r11,8)

// Taken by another thread, and the next ones, too: the guest's own instruction.
        .org    0x40
fast_refuse:
        leaq    -2(%rcx), %r11
        jmpq    *%r11

        .org    0x80
fast_claims:
        .set    index, 0
        .rept   SLOT_COUNT
        .balign 32
        movl    $1, %r11d
        xchgl   %r11d, SLOTS + index * SLOT_SIZE
        jmpq    *(fast_choices + index * 16)(,%r11,8)
        .set    index, index + 1
        .endr

        .org    0x480
fast_owns:
        .set    index, 0
        .rept   SLOT_COUNT
        .balign 32
        movq    %rsp, SLOTS + index * SLOT_SIZE + 8
        movl    $(SLOTS + index * SLOT_SIZE + SLOT_STACK), %esp
        jmp     fast_common
        .set    index, index + 1
        .endr

        .org    0x880
fast_common:
        pushfq
        pushq   %rax
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        pushq   %r10
        pushq   %r8
        pushq   %r9
        pushq   %rcx
        pushq   $0

        .org    0x8c0, 0x90
fast_saved:
        movq    %rsp, %rdi
        cld
        call    fast_handle
        popq    %rcx
        leaq    8(%rsp), %rsp
        popq    %r9
        popq    %r8
        popq    %r10
        popq    %rdx
        popq    %rsi
        popq    %rdi
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        popq    %rax
        popfq
        .org    0x8f4, 0x90
        leaq    -SLOT_STACK(%rsp), %r11
        movq    8(%r11), %rsp
// At 0x900.
fast_release:
        movl    $0, (%r11)
        jmpq    *%rcx

        .org    0xa00
fast_choices:
        .set    index, 0
        .rept   SLOT_COUNT
        .quad   fast_owns + index * 32
        .if     index + 1 < SLOT_COUNT
        .quad   fast_claims + (index + 1) * 32
        .else
        .quad   fast_refuse
        .endif
        .set    index, index + 1
        .endr

        .org    0xc00
fast_starts:
        .set    index, 0
        .rept   256
        .quad   fast_claims + (index % SLOT_COUNT) * 32
        .set    index, index + 1
        .endr

        .section .note.GNU-stack, "", @progbits

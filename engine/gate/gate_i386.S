// The gate and the loader's start, i386.  Offsets are those of layout.h.
//
// int $0x80 leaves every register but eax alone, so the slot is reached through
// esp, which no kernel path touches during a call; the last two steps, esp and
// eip, are the slot's own stub.
        .section .gate, "ax", @progbits
        .globl  gate_call
gate_call:
        int     $0x80
        popl    %ebx
        popl    %ecx
        popl    %edx
        popl    %esi
        popl    %edi
        popl    %ebp
        jmp     *(%esp)

        .org    0x40
loader_call:
        int     $0x80
        ret

// long loader_syscall(number, a, b, c, d, e, f), all on the stack.
        .globl  loader_syscall
loader_syscall:
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        pushl   %ebp
        movl    20(%esp), %eax
        movl    24(%esp), %ebx
        movl    28(%esp), %ecx
        movl    32(%esp), %edx
        movl    36(%esp), %esi
        movl    40(%esp), %edi
        movl    44(%esp), %ebp
        call    loader_call
        popl    %ebp
        popl    %edi
        popl    %esi
        popl    %ebx
        ret

        .globl  _start
_start:
        movl    %esp, %ebx
        andl    $-16, %esp
        call    load_guest
        movl    %ebx, %esp
        xorl    %eax, %eax
        xorl    %ebx, %ebx
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        xorl    %esi, %esi
        xorl    %edi, %edi
        xorl    %ebp, %ebp
        pushl   $0x202
        popfl
        jmp     *loader_jump

        .org    0xff0
        int3

// slot i is at 0x70010000 + i * 0x3000; esp is at 28 in it, eip at 32.
        .org    0x1000
        .globl  gate_stubs
gate_stubs:
        .set    slot, 0x70010000
        .rept   128
        movl    slot + 28, %esp
        jmp     *slot + 32
        .balign 16
        .set    slot, slot + 0x3000
        .endr

        .section .note.GNU-stack, "", @progbits

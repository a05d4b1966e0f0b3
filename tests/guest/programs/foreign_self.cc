// A program of another processor, without any library: prints what it was started with.
//
//   foreign_self               its argument vector and what it is told, one fact a line
//   foreign_self cat FILE      the first 200 bytes of a file
//   foreign_self exec PROGRAM ARGV0 [ARG...]
using Word = unsigned long;

namespace {

// The one thing that differs between processors: how to call, and the numbers.
#if defined(__aarch64__) || defined(__riscv)
constexpr Word kWrite = 64, kExit = 94, kReadLink = 78, kOpen = 56, kRead = 63, kExec = 221,
               kUname = 160;
#elif defined(__arm__)
constexpr Word kWrite = 4, kExit = 248, kReadLink = 332, kOpen = 322, kRead = 3, kExec = 11,
               kUname = 122;
#endif

Word call(Word number, Word a = 0, Word b = 0, Word c = 0, Word d = 0) {
#if defined(__aarch64__)
  register Word r8 asm("x8") = number, r0 asm("x0") = a, r1 asm("x1") = b, r2 asm("x2") = c,
                   r3 asm("x3") = d;
  asm volatile("svc 0" : "+r"(r0) : "r"(r8), "r"(r1), "r"(r2), "r"(r3) : "memory");
  return r0;
#elif defined(__arm__)
  register Word r7 asm("r7") = number, r0 asm("r0") = a, r1 asm("r1") = b, r2 asm("r2") = c,
                   r3 asm("r3") = d;
  asm volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3) : "memory");
  return r0;
#elif defined(__riscv)
  register Word a7 asm("a7") = number, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c,
                   a3 asm("a3") = d;
  asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
  return a0;
#endif
}

Word address(const void* at) { return reinterpret_cast<Word>(at); }

Word length(const char* text) {
  Word size = 0;
  while (text[size] != '\0')
    ++size;
  return size;
}

void print(const char* text) { call(kWrite, 1, address(text), length(text)); }

void line(const char* name, const char* value) {
  print(name);
  print(" ");
  print(value);
  print("\n");
}

bool starts_with(const char* text, const char* start) {
  while (*start != '\0') {
    if (*text++ != *start++) return false;
  }
  return true;
}

void print_file(const char* name) {
  char text[201];
  const Word file = call(kOpen, static_cast<Word>(-100), address(name), 0, 0);
  const Word got = call(kRead, file, address(text), sizeof text - 1);
  if (static_cast<long>(got) > 0) call(kWrite, 1, address(text), got);
}

void print_self(Word* stack) {
  const Word count = *stack;
  auto** const words = reinterpret_cast<char**>(stack + 1);
  for (Word i = 0; i < count; ++i)
    line("arg", words[i]);
  char** variable = words + count + 1;
  for (; *variable != nullptr; ++variable) {
    if (starts_with(*variable, "LD_")) line("variable", *variable);
  }
  for (auto* entry = reinterpret_cast<Word*>(variable + 1); entry[0] != 0; entry += 2) {
    if (entry[0] == 31) line("execfn", reinterpret_cast<const char*>(entry[1]));  // AT_EXECFN
  }
  char text[400] = {};
  call(kReadLink, static_cast<Word>(-100), address("/proc/self/exe"), address(text), 399);
  line("exe", text);
  char name[6 * 65] = {};
  call(kUname, address(name));
  line("release", name + 2 * 65);
  line("machine", name + 4 * 65);
}

bool is(const char* text, const char* other) {
  return starts_with(text, other) && length(text) == length(other);
}

}  // namespace

extern "C" [[noreturn]] void start(Word* stack) {
  const Word count = *stack;
  auto** const words = reinterpret_cast<char**>(stack + 1);
  if (count > 2 && is(words[1], "cat")) {
    print_file(words[2]);
  } else if (count > 2 && is(words[1], "exec")) {
    call(kExec, address(words[2]), address(words + 3), address(words + count + 1));
    print("exec failed\n");
  } else {
    print_self(stack);
  }
  for (;;)
    call(kExit, 7);
}

#if defined(__aarch64__)
asm(".globl _start\n_start: mov x0, sp\n b start\n");
#elif defined(__arm__)
asm(".globl _start\n_start: mov r0, sp\n b start\n");
#elif defined(__riscv)
asm(".globl _start\n_start: mv a0, sp\n j start\n");
#endif

// The compiler calls it for what it could write as a loop.
extern "C" void* memset(void* at, int value, Word size) {
  auto* bytes = static_cast<volatile char*>(at);
  for (Word i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(value);
  return at;
}

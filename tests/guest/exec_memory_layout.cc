// After exec: addresses differ from run to run, the heap starts behind the bss, the stack grows.
#include <set>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/support/exec_test.h"

namespace {
char in_bss[16];

int report() {
  int on_stack;
  void* mapped = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto heap = syscall(SYS_brk, 0);
  std::printf("%p %p %lx\n", static_cast<void*>(&on_stack), mapped, heap);
  const long bss = reinterpret_cast<long>(in_bss);
  EXPECT(heap > bss && heap - bss <= (1L << 30));  // behind the program, up to 1 GiB by chance
  EXPECT(syscall(SYS_brk, heap + (64L << 20)) == heap + (64L << 20));
  std::memset(reinterpret_cast<void*>(heap), 1, 64UL << 20);
  EXPECT(syscall(SYS_brk, heap) == heap);
  EXPECT(contents("/proc/self/maps").find("[heap]") != std::string::npos);
  rlimit limit;
  EXPECT(getrlimit(RLIMIT_STACK, &limit) == 0);
  if (limit.rlim_cur >= (8UL << 20)) {
    volatile char large[6 << 20];
    for (std::size_t at = 0; at < sizeof large; at += 4096)
      large[sizeof large - 1 - at] = 1;
  }
  return 42;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return report();
  std::set<std::string> layouts;
  for (int run = 0; run < 8; ++run) {
    const Output output = run_program(argv[0], {"test", "report"});
    EXPECT(exited_with(output.status, 42));
    layouts.insert(output.text);
  }
  EXPECT(layouts.size() == 8);
}

// An empty argument vector: the kernel makes it one empty string (since Linux 5.18).
#include <sys/syscall.h>

#include "tests/support/exec_test.h"

int main() {
  const std::string path = program("print_static");
  char* const none[] = {nullptr};
  EXPECT(output_of([&] {
           syscall(SYS_execve, path.c_str(), none, none);
         }).text.starts_with("argc 1\narg \n"));
  EXPECT(output_of([&] { syscall(SYS_execve, path.c_str(), nullptr, nullptr); }).has("argc 1"));
  char* const bad[] = {reinterpret_cast<char*>(8), nullptr};
  EXPECT(exec_error(output_of([&] { syscall(SYS_execve, path.c_str(), bad, none); })) == EFAULT);
  EXPECT(exec_error(output_of([&] { syscall(SYS_execve, path.c_str(), 8, none); })) == EFAULT);
  EXPECT(exec_error(output_of([&] { syscall(SYS_execve, path.c_str(), none, 8); })) == EFAULT);
}

// An open file is one of those that its link has led to, while another thread exchanges the link's
// target for a link: never its neighbour in the link's directory.
#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <sys/syscall.h>
#include <thread>

#include "tests/support/guest_test.h"

namespace {

constexpr std::chrono::milliseconds kTime{700};

int write_letter(const std::string& path, const char* text) {
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  EXPECT(file >= 0 && write(file, text, 1) == 1);
  return close(file);
}

void exchange(const std::atomic<bool>& is_over) {
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
  while (!is_over) {
    (void)syscall(SYS_renameat2, AT_FDCWD, "e/target", AT_FDCWD, "e/spare", kExchange);
    std::this_thread::sleep_for(std::chrono::microseconds(1500));
  }
}

/// The one letter in the file; 0: it could not be opened.
char read_letter(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char letter = 0;
  if (read(file, &letter, 1) != 1) letter = '?';
  close(file);
  return letter;
}

}  // namespace

int main() {
  EXPECT(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
  EXPECT(write_letter("e/target", "T") == 0 && write_letter("e/other", "O") == 0);
  EXPECT(write_letter("e/link", "X") == 0);
  EXPECT(symlink("other", "e/spare") == 0);
  const std::string here = working_directory();
  EXPECT(symlink((here + "/e/target").c_str(), "d/link") == 0);
  const std::string link = here + "/d/link";
  std::atomic<bool> is_over = false;
  std::thread changer([&] { exchange(is_over); });
  const auto end = std::chrono::steady_clock::now() + kTime;
  char seen = 'T';
  while ((seen == 'T' || seen == 'O') && std::chrono::steady_clock::now() < end) {
    seen = read_letter(link.c_str());
  }
  is_over = true;
  changer.join();
  EXPECT(seen == 'T' || seen == 'O');
  return 0;
}

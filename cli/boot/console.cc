#include "cli/boot/console.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/output.h"

namespace nestp::boot {
namespace {

constexpr char kEscape = '\x1d';  // Ctrl-]
constexpr int kPauseMilliseconds = 100;

volatile sig_atomic_t size_changed = 0;

void note_size(int) { size_changed = 1; }

long now_in_milliseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/// Our own terminal passes every key on, as long as this lives.
class RawTerminal {
 public:
  RawTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    is_changed_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  ~RawTerminal() {
    if (is_changed_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool is_changed_ = false;
};

}  // namespace

bool leaves(const std::string& text, long now, int& escapes, long& first_escape) {
  constexpr long kWindow = 1000;
  for (const char letter : text) {
    if (letter != kEscape) {
      escapes = 0;
      continue;
    }
    if (escapes == 0 || now - first_escape > kWindow) {
      escapes = 0;
      first_escape = now;
    }
    if (++escapes == 3) return true;
  }
  return false;
}

Result<Console> Console::open() {
  UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 128> name{};
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), name.data(), name.size()) != 0) {
    return Error{std::string("no terminal for the console: ") + std::strerror(errno)};
  }
  Console console(std::move(master), name.data());
  console.kept_.reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  console.copy_size();
  return console;
}

Result<> Console::take_streams() const {
  const UniqueFd terminal(::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal) return Error{name_ + ": " + std::strerror(errno)};
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(terminal.get(), stream) < 0) return Error{name_ + ": " + std::strerror(errno)};
  }
  return Done{};
}

void Console::copy_size() const {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
    (void)::ioctl(master_.get(), TIOCSWINSZ, &size);
  }
}

bool Console::copy_input(int& escapes, long& first_escape) {
  std::array<char, 4096> block;
  const ssize_t got = ::read(STDIN_FILENO, block.data(), block.size());
  if (got <= 0) {
    input_ended_ = true;
    return false;
  }
  const std::string text(block.data(), static_cast<std::size_t>(got));
  if (leaves(text, now_in_milliseconds(), escapes, first_escape)) return true;
  (void)!::write(master_.get(), text.data(), text.size());
  return false;
}

bool Console::relay(const std::function<bool()>& is_over) {
  struct sigaction action {};
  action.sa_handler = note_size;
  ::sigaction(SIGWINCH, &action, nullptr);
  const RawTerminal raw;
  int escapes = 0;
  long first_escape = 0;
  bool over = false;
  while (true) {
    if (size_changed != 0) {
      size_changed = 0;
      copy_size();
    }
    std::array<pollfd, 2> wanted{};
    wanted[0] = {.fd = master_.get(), .events = POLLIN, .revents = 0};
    wanted[1] = {.fd = input_ended_ ? -1 : STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(wanted.data(), wanted.size(), over ? 0 : kPauseMilliseconds);
    if (ready > 0 && (wanted[0].revents & POLLIN) != 0) {
      std::array<char, 4096> block;
      const ssize_t got = ::read(master_.get(), block.data(), block.size());
      if (got > 0) {
        print({block.data(), static_cast<std::size_t>(got)});
        continue;
      }
    }
    if (over) return false;
    if (ready > 0 && (wanted[1].revents & (POLLIN | POLLHUP)) != 0 &&
        copy_input(escapes, first_escape)) {
      return true;
    }
    over = is_over();
    if (!over && (wanted[0].revents & POLLHUP) != 0) {
      // vhangup(2) by the guest's login: the terminal lives on as soon as it is opened again.
      kept_.reset(::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
      ::usleep(kPauseMilliseconds * 1000);
    }
  }
}

}  // namespace nestp::boot

#include "engine/ptrace/backtrace.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libunwind-ptrace.h>

namespace nestp {
namespace {

constexpr std::chrono::milliseconds kPatience{2000};  // for all frames together

/// What the helper process tells of one frame.
struct Frame {
  std::uint64_t instruction = 0;
  std::uint64_t offset = 0;
  std::array<char, 240> name{};  ///< empty: unknown
};
static_assert(sizeof(Frame) <= PIPE_BUF);

// ---- in the helper process --------------------------------------------------

/// libunwind hands its callbacks one pointer, which its own find_proc_info wants
/// to be a UPT_info; the helper unwinds one thread and ends, so these are globals.
struct Unwound {
  const Registers* registers = nullptr;
  int memory = -1;  ///< /proc/PID/mem
};
Unwound g_unwound;

/// Where libunwind's register `number` is in the register set; none: not there.
std::optional<std::size_t> register_offset(unw_regnum_t number) {
  const Abi& abi = g_unwound.registers->abi();
  if (number == static_cast<unw_regnum_t>(UNW_TDEP_IP)) return abi.registers.instruction;
  if (number == static_cast<unw_regnum_t>(UNW_TDEP_SP)) return abi.registers.stack;
#if defined(__x86_64__)
  // rax rdx rcx rbx rsi rdi rbp rsp r8-r15, by their places in user_regs_struct.
  static constexpr std::array<std::uint8_t, 16> kPlaces = {10, 12, 11, 5, 13, 14, 4, 19,
                                                           9,  8,  7,  6, 3,  2,  1, 0};
  if (number < 0 || static_cast<std::size_t>(number) >= kPlaces.size()) return std::nullopt;
  return kPlaces[static_cast<std::size_t>(number)] * std::size_t{8};
#else
  // aarch64 and riscv64 number them as the kernel lays them out.
  if (number < 0 || number > 30) return std::nullopt;
  return static_cast<std::size_t>(number) * 8;
#endif
}

int access_register(unw_addr_space_t, unw_regnum_t number, unw_word_t* value, int write, void*) {
  const auto offset = register_offset(number);
  if (write != 0 || !offset) return -UNW_EBADREG;
  std::memcpy(value, g_unwound.registers->bytes().data() + *offset, sizeof *value);
  return 0;
}

int access_memory(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write, void*) {
  if (write != 0 || address > static_cast<unw_word_t>(INT64_MAX)) return -UNW_EINVAL;
  const auto count = pread(g_unwound.memory, value, sizeof *value, static_cast<off_t>(address));
  return count == static_cast<ssize_t>(sizeof *value) ? 0 : -UNW_EINVAL;
}

int access_float(unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*) { return -UNW_EBADREG; }
int resume(unw_addr_space_t, unw_cursor_t*, void*) { return -UNW_EINVAL; }
int no_dynamic_code(unw_addr_space_t, unw_word_t*, void*) { return -UNW_ENOINFO; }

void send_frames(pid_t thread, int limit, int to) {
  unw_accessors_t accessors{};
  accessors.find_proc_info = _UPT_find_proc_info;
  accessors.put_unwind_info = _UPT_put_unwind_info;
  accessors.get_dyn_info_list_addr = no_dynamic_code;
  accessors.access_mem = access_memory;
  accessors.access_reg = access_register;
  accessors.access_fpreg = access_float;
  accessors.resume = resume;
  accessors.get_proc_name = _UPT_get_proc_name;
  unw_addr_space_t space = unw_create_addr_space(&accessors, 0);
  void* const process = _UPT_create(thread);
  unw_cursor_t cursor;
  if (space == nullptr || process == nullptr) return;
  if (unw_init_remote(&cursor, space, process) != 0) return;
  unw_word_t last_stack = 0;
  for (int depth = 0; depth < limit; ++depth) {
    Frame frame;
    unw_word_t instruction = 0;
    unw_word_t stack = 0;
    unw_word_t offset = 0;
    if (unw_get_reg(&cursor, UNW_REG_IP, &instruction) != 0 || instruction == 0) return;
    if (unw_get_reg(&cursor, UNW_REG_SP, &stack) != 0) return;
    if (depth > 0 && instruction == g_unwound.registers->instruction() && stack == last_stack) {
      return;  // no progress: the unwind data goes round in a circle
    }
    last_stack = stack;
    frame.instruction = instruction;
    // The innermost line is worth having even if finding its name goes wrong.
    if (depth == 0 && write(to, &frame, sizeof frame) != sizeof frame) return;
    const int named = unw_get_proc_name(&cursor, frame.name.data(), frame.name.size(), &offset);
    if (named != 0 && named != -UNW_ENOMEM) frame.name[0] = '\0';
    frame.name.back() = '\0';
    frame.offset = offset;
    if (write(to, &frame, sizeof frame) != sizeof frame) return;
    if (unw_step(&cursor) <= 0) return;
  }
}

[[noreturn]] void run_helper(pid_t thread, int limit, int to) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM, SIGPIPE}) {
    std::signal(signal, SIG_DFL);
  }
  const rlimit no_core{};
  setrlimit(RLIMIT_CORE, &no_core);
  alarm(2 * static_cast<unsigned>(kPatience.count() / 1000));  // should nestp die meanwhile
  send_frames(thread, limit, to);
  _exit(0);
}

// ---- in nestp ---------------------------------------------------------------

/// Frames until the helper ends or its time is over.
std::vector<Frame> receive_frames(int from) {
  using Clock = std::chrono::steady_clock;
  std::vector<Frame> frames;
  const auto deadline = Clock::now() + kPatience;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{.fd = from, .events = POLLIN, .revents = 0};
    const int count = poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    Frame frame;
    // Writes of less than PIPE_BUF arrive whole.
    if (read(from, &frame, sizeof frame) != sizeof frame) break;
    if (frames.size() == 1 && frames.front().name[0] == '\0' &&
        frames.front().instruction == frame.instruction) {
      frames.clear();  // the innermost line again, now with its name
    }
    frames.push_back(frame);
  }
  return frames;
}

std::vector<Frame> unwind(pid_t thread, const Registers& registers, int limit) {
  const std::string path = "/proc/" + std::to_string(thread) + "/mem";
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  // Opened here: a child of nestp may not read the guest where Yama restricts ptrace.
  const int memory = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const pid_t helper = memory < 0 ? -1 : fork();
  if (helper == 0) {
    close(ends[0]);
    g_unwound = {.registers = &registers, .memory = memory};
    run_helper(thread, limit, ends[1]);
  }
  close(ends[1]);
  std::vector<Frame> frames;
  if (helper > 0) {
    frames = receive_frames(ends[0]);
    kill(helper, SIGKILL);
    while (waitpid(helper, nullptr, 0) < 0 && errno == EINTR)
      continue;
  }
  if (memory >= 0) close(memory);
  close(ends[0]);
  return frames;
}

struct MappedFile {
  std::uint64_t start;
  std::uint64_t end;
  std::string path;
};

std::string read_text(const std::string& path) {
  std::string text;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  std::array<char, 4096> buffer;
  for (ssize_t count; (count = read(file, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  close(file);
  return text;
}

std::vector<MappedFile> mapped_files(pid_t thread) {
  std::vector<MappedFile> list;
  std::istringstream lines(read_text("/proc/" + std::to_string(thread) + "/maps"));
  for (std::string line; std::getline(lines, line);) {
    MappedFile file{};
    const char* const end = line.data() + line.size();
    const auto start = std::from_chars(line.data(), end, file.start, 16);
    if (start.ptr == end) continue;
    std::from_chars(start.ptr + 1, end, file.end, 16);
    // "start-end perms offset dev inode   path": five fields, and blanks, before it.
    std::size_t at = 0;
    for (int field = 0; field < 5 && at != line.npos; ++field) {
      at = line.find_first_not_of(' ', std::min(line.find(' ', at), line.size()));
    }
    if (at == line.npos) continue;
    file.path = line.substr(at);
    list.push_back(std::move(file));
  }
  return list;
}

std::string frame_text(std::size_t depth, const Frame& frame, std::span<const MappedFile> files,
                       const ShowPath& show_path) {
  std::ostringstream text;
  text << '#' << depth << std::hex << " 0x" << frame.instruction;
  if (frame.name[0] != '\0') text << ' ' << frame.name.data() << "+0x" << frame.offset;
  for (const MappedFile& file : files) {
    if (frame.instruction < file.start || frame.instruction >= file.end) continue;
    const bool is_file = file.path.front() == '/';
    text << " (" << (is_file && show_path ? show_path(file.path) : file.path) << ')';
    break;
  }
  return text.str();
}

}  // namespace

std::vector<std::string> backtrace(pid_t stopped_thread, const ShowPath& show_path, int limit) {
  const Abi& host = *host_abis().front();
  Registers registers(host);
  iovec room{.iov_base = registers.room().data(), .iov_len = registers.room().size()};
  if (ptrace(PTRACE_GETREGSET, stopped_thread, NT_PRSTATUS, &room) != 0) return {};
  if (!registers.loaded(room.iov_len)) return {};
  std::vector<Frame> frames;
  if (&registers.abi() == &host) frames = unwind(stopped_thread, registers, limit);
  if (frames.empty()) frames.push_back({.instruction = registers.instruction()});

  std::vector<std::string> lines;
  lines.reserve(frames.size());
  const auto files = mapped_files(stopped_thread);
  for (const Frame& frame : frames) {
    lines.push_back(frame_text(lines.size(), frame, files, show_path));
  }
  return lines;
}

std::string registers_text(const Registers& registers) {
  const Abi& abi = registers.abi();
  std::ostringstream text;
  text << abi.name << " call " << registers.number() << ' '
       << name_of(sys_of(abi, registers.number())) << '(' << std::hex;
  const char* comma = "";
  for (const std::uint64_t arg : registers.args()) {
    text << comma << "0x" << arg;
    comma = ", ";
  }
  text << ") = " << std::dec << registers.result() << std::hex << ", instruction 0x"
       << registers.instruction() << ", stack 0x" << registers.stack() << "\nregisters";
  const auto bytes = registers.bytes();
  for (std::size_t at = 0; at + abi.register_size <= bytes.size(); at += abi.register_size) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, abi.register_size);
    text << ' ' << word;
  }
  return text.str();
}

}  // namespace nestp

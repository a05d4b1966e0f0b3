#include "engine/ptrace/exec/start.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/memory.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/tracer.h"
#include "fs/mount_flags.h"

namespace nestp {
namespace {

constexpr int kCheckOnly = 0x10000;  // AT_EXECVE_CHECK, Linux 6.14

/// Asks the kernel itself whether it would execute the file; ENOSYS if it cannot be asked.
int ask_kernel(int file) {
  static bool known = true;
  if (!known) return ENOSYS;
  char empty[] = "";
  char* words[] = {empty, nullptr};
  char* no_words[] = {nullptr};
  if (syscall(SYS_execveat, file, "", words, no_words, AT_EMPTY_PATH | kCheckOnly) == 0) return 0;
  const int error = errno;
  if (error == EINVAL || error == ENOSYS) known = false;
  return known ? error : ENOSYS;
}

/// Somebody has it open for writing: then nobody gets a lease to read it (fcntl(2)).  Only of one's
/// own files; of others' it is not to be known.
bool is_being_written(int file) {
  // Who comes to write meanwhile breaks the lease: a signal that is ignored by itself.
  if (fcntl(file, F_SETSIG, SIGURG) != 0) return false;
  if (fcntl(file, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  (void)fcntl(file, F_SETLEASE, F_UNLCK);  // else it ends with the file
  return false;
}

SysResult<> check_by_hand(const std::string& host, int file) {
  if (const auto may = check_permission(host, X_OK); !may) return may.error();
  if (const auto forbidden = on_noexec_mount(file); forbidden && *forbidden) return Errno(EACCES);
  if (is_being_written(file)) return Errno(ETXTBSY);
  return Done{};
}

/// The words at the start of a new program's stack, read as far as needed.
class StackWords {
 public:
  StackWords(ThreadMemory& memory, std::uint64_t address, std::uint8_t word_size)
      : memory_(memory), address_(address), size_(word_size) {}

  SysResult<std::uint64_t> at(std::size_t index) {
    while ((index + 1) * size_ > bytes_.size()) {
      if (!grow()) return Errno(EFAULT);
    }
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + index * size_, size_);
    return value;
  }

  /// Part of what at() has seen.
  std::vector<std::byte> bytes(std::size_t from, std::size_t size) const {
    const auto start = bytes_.begin() + static_cast<std::ptrdiff_t>(from);
    return {start, start + static_cast<std::ptrdiff_t>(size)};
  }

 private:
  bool grow() {
    constexpr std::size_t kPage = 4096;
    const std::uint64_t from = address_ + bytes_.size();
    const std::size_t size = kPage - from % kPage;
    const std::size_t old = bytes_.size();
    bytes_.resize(old + size);
    const std::size_t got = memory_.read_some(GuestAddress{from}, std::span(bytes_).subspan(old));
    bytes_.resize(old + got);
    return got != 0;
  }

  ThreadMemory& memory_;
  std::uint64_t address_;
  std::size_t size_;
  std::vector<std::byte> bytes_;
};

constexpr std::uint64_t kAtNull = 0, kAtExecFn = 31;

/// Index of the vector's AT_EXECFN value, with the stack's parts filled in.
/// `hidden`: words of the argument vector that belong to an emulator.
SysResult<std::size_t> read_stack(StackWords& words, std::uint8_t size, std::size_t hidden,
                                  StartStack& stack) {
  const auto count = words.at(0);
  if (!count) return count.error();
  std::size_t index = 1 + *count;  // the NULL behind argv
  const auto first = words.at(1 + (hidden < *count ? hidden : 0));
  const auto variable = words.at(index + 1);
  if (!first || !variable) return Errno(EFAULT);
  stack.arguments_start = *first;
  stack.environment_start = *variable;
  for (++index;; ++index) {
    const auto word = words.at(index);
    if (!word) return word.error();
    if (*word == 0) break;
  }
  const std::size_t vector = index + 1;
  stack.auxv = stack.pointer + vector * size;
  std::size_t file_name = 0;
  for (index = vector;; index += 2) {
    const auto type = words.at(index);
    const auto value = words.at(index + 1);
    if (!type || !value) return Errno(EFAULT);
    if (*type == kAtNull) break;
    if (*type != kAtExecFn) continue;
    file_name = index + 1;
    stack.file_name = *value;
  }
  stack.auxv_size = (index + 2 - vector) * size;
  if (file_name == 0) return Errno(EFAULT);
  if (stack.environment_start == 0) stack.environment_start = stack.file_name;
  stack.arguments_end = stack.environment_start;
  stack.environment_end = stack.file_name;
  if (*count == 0) stack.arguments_start = stack.arguments_end;
  return file_name;
}

/// The guest's own file name in the place of the loader's, at its end.
struct FileName {
  std::string bytes;  ///< to be written from where the loader's begins
  std::uint64_t at;   ///< where the name itself is then
};

SysResult<FileName> guests_file_name(ThreadMemory& memory, const ExecPlan& plan,
                                     std::uint64_t string) {
  std::size_t room = plan.image_path;
  if (room == 0) {
    const auto placed = memory.read_string(GuestAddress{string});
    if (!placed) return placed.error();
    room = placed->size();
  }
  FileName name;
  name.bytes.assign(room - std::min(room, plan.file_name.size()), '\0');
  name.at = string + name.bytes.size();
  name.bytes += plan.file_name;
  name.bytes.resize(room + 1);
  return name;
}

/// The auxiliary vector as the guest is to see it.
class Auxiliary {
 public:
  Auxiliary(std::vector<std::byte> bytes, std::size_t word)
      : bytes_(std::move(bytes)), word_(word) {
    entries_.resize(bytes_.size() / (2 * word) - 1);  // without AT_NULL
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      std::memcpy(&entries_[i].type, &bytes_[2 * i * word], word);
      std::memcpy(&entries_[i].value, &bytes_[(2 * i + 1) * word], word);
    }
  }

  std::vector<AuxiliaryEntry>& entries() { return entries_; }

  std::span<const std::byte> bytes() {
    const std::size_t count = std::min(entries_.size(), bytes_.size() / (2 * word_) - 1);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(&bytes_[2 * i * word_], &entries_[i].type, word_);
      std::memcpy(&bytes_[(2 * i + 1) * word_], &entries_[i].value, word_);
    }
    return bytes_;
  }

 private:
  std::vector<std::byte> bytes_;
  std::size_t word_;
  std::vector<AuxiliaryEntry> entries_;
};

/// Lets the extensions look at the new program and change its auxiliary vector.
void tell_extensions(Tracer& tracer, const Thread& thread, ExecPlan& plan, ThreadMemory& memory,
                     Auxiliary& auxiliary) {
  if (tracer.extensions.empty()) return;
  ExecFile& file = plan.foreign ? *plan.foreign : plan.program;
  (void)hold_open(file);  // else -1, of which nothing can be learnt
  ProgramStart start{.thread = thread.id,
                     .abi = plan.abi,
                     .file = file.file.get(),
                     .executable = plan.program.guest,
                     .machine = plan.machine,
                     .auxiliary = auxiliary.entries(),
                     .memory = memory};
  for (const auto& extension : tracer.extensions)
    extension->on_program_start(start);
}

/// Without randomization a stack of 64 bits is at the end of the address space.
bool may_be_fixed(const Abi& abi, std::uint64_t stack) {
  constexpr std::uint64_t kLastStacks = 0x7fff'ff00'0000;
  return abi.word_size == 4 || stack >= kLastStacks;
}

/// By what the system and the thread's personality(2) say.
bool is_randomized(pid_t thread) {
  static const bool system_wide = [] {
    const auto text = read_file("/proc/sys/kernel/randomize_va_space");
    return !text || text->front() != '0';
  }();
  if (!system_wide) return false;
  const auto text = read_file("/proc/" + std::to_string(thread) + "/personality");
  if (!text) return true;
  return (std::strtoul(text->c_str(), nullptr, 16) & ADDR_NO_RANDOMIZE) == 0;
}

}  // namespace

SysResult<ExecFile> open_executable(Tracer& tracer, const std::string& host,
                                    const GuestPath& guest) {
  auto status = stat_of(host);
  if (!status) return status.error();
  if (!S_ISREG(status->st_mode)) return Errno(EACCES);
  if (auto known = tracer.known_files.find(*status)) {
    return ExecFile{UniqueFd(), host, guest, *status, std::move(known)};
  }
  auto file = open_at(AT_FDCWD, host, O_RDONLY);
  if (!file) return file.error();
  const int verdict = ask_kernel(file->get());
  if (verdict == ENOSYS) {
    const auto checked = check_by_hand(host, file->get());
    if (!checked) return checked.error();
  } else if (verdict != 0) {
    return Errno(verdict);
  }
  // Another file may have got the name meanwhile.
  if (fstat(file->get(), &*status) != 0) return Errno(errno);
  return ExecFile{std::move(*file), host, guest, *status, tracer.known_files.add(*status)};
}

SysResult<ExecFile> open_executable(Tracer& tracer, const ResolveFrom& from,
                                    const std::string& text) {
  if (text.empty()) return Errno(ENOENT);
  const auto resolved = tracer.resolver.resolve(from, text, LastLink::follow);
  if (!resolved) return resolved.error();
  return open_executable(tracer, resolved->host, resolved->guest);
}

bool is_loader_variable(std::string_view variable) { return variable.starts_with("LD_"); }

std::optional<ExecEmulator> find_emulator(Tracer& tracer, const ProgramFile& program,
                                          const GuestPath& guest) {
  for (const auto& extension : tracer.extensions) {
    auto emulation = extension->on_program_file(program);
    if (!emulation) continue;
    auto file = open_executable(tracer, emulation->host, guest);
    if (!file) {
      LOG(warning) << "cannot execute the emulator " << quoted(emulation->host) << ": "
                   << std::strerror(file.error().code());
      return std::nullopt;
    }
    return ExecEmulator{std::move(*emulation), std::move(*file), program.machine};
  }
  return std::nullopt;
}

std::string padded_path(const std::string& directory, const std::string& name,
                        const std::string& file_name) {
  std::string path = "/proc/" + directory + "/";
  if (path.size() + name.size() < file_name.size()) {
    path.append(file_name.size() - path.size() - name.size(), '/');
  }
  return path + name;
}

SysResult<> begin_program(Tracer& tracer, Thread& thread, ExecPlan& plan) {
  Registers registers(*plan.abi);
  if (const auto done = ptrace_call::get_registers(thread.id, registers); !done) return done;

  auto space = std::make_shared<AddressSpace>();
  space->executable = plan.program.guest;
  space->abi = plan.abi;
  space->machine = plan.machine;
  space->has_gate = true;
  const ExecFile& shown = plan.foreign ? *plan.foreign : plan.program;
  space->program = tracer.programs.begin(shown.status);
  thread.space->slots.release(thread.slot);
  thread.space = std::move(space);
  thread.slot = -1;

  ThreadMemory memory(thread.id);
  const std::uint8_t size = plan.abi->word_size;
  StartStack stack{.pointer = registers.stack()};
  StackWords words(memory, stack.pointer, size);
  const auto file_name = read_stack(words, size, plan.hidden_words, stack);
  if (!file_name) return file_name.error();
  const auto name = guests_file_name(memory, plan, stack.file_name);
  if (!name) return name.error();
  Auxiliary auxiliary(words.bytes(stack.auxv - stack.pointer, stack.auxv_size), size);
  for (AuxiliaryEntry& entry : auxiliary.entries()) {
    if (entry.type == kAtExecFn) entry.value = name->at;
  }
  tell_extensions(tracer, thread, plan, memory, auxiliary);
  LOG(debug) << thread.id << " runs " << quoted(plan.program.host);
  ++tracer.stats.executions;
  const bool randomize = !may_be_fixed(*plan.abi, stack.pointer) || is_randomized(thread.id);
  gate::Plan record = loader_plan(plan, stack, choose_randomness(plan, randomize));
  record.stop_at_start = thread.stops_at_start;
  gate::FastProcess process{};
  if (tracer.fast) process = tracer.fast->begin_program(thread, plan, record);
  std::vector<ThreadMemory::Piece> pieces = {
      {GuestAddress{stack.file_name}, std::as_bytes(std::span(name->bytes))},
      {GuestAddress{stack.auxv}, auxiliary.bytes()},
      {GuestAddress{gate::kPlan}, used_bytes(record)}};
  if (process.context != 0) {
    pieces.push_back({GuestAddress{gate::kFastProcess}, std::as_bytes(std::span(&process, 1))});
  }
  return memory.write_pieces(pieces);
}

}  // namespace nestp

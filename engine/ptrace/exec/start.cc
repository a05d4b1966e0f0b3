#include "engine/ptrace/exec/start.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/memory.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/tracer.h"

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

SysResult<> check_by_hand(const std::string& host, int file) {
  if (const auto may = check_permission(host, X_OK); !may) return may.error();
  struct statvfs where {};
  if (fstatvfs(file, &where) == 0 && (where.f_flag & ST_NOEXEC)) return Errno(EACCES);
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

/// Puts the guest's own file name where the kernel put the loader's, at its end.
SysResult<> write_file_name(ThreadMemory& memory, const std::string& name, std::uint64_t string,
                            std::uint64_t pointer, std::uint8_t size) {
  const auto placed = memory.read_string(GuestAddress{string});
  if (!placed) return placed.error();
  std::string text(placed->size() - std::min(placed->size(), name.size()), '\0');
  const std::uint64_t at = string + text.size();
  text += name;
  text.resize(placed->size() + 1);
  const auto done =
      memory.write(GuestAddress{string}, std::as_bytes(std::span(text.data(), text.size())));
  if (!done) return done;
  return memory.write(GuestAddress{pointer}, std::as_bytes(std::span(&at, 1)).first(size));
}

/// Lets the extensions look at the new program and change its auxiliary vector.
SysResult<> tell_extensions(Tracer& tracer, const Thread& thread, const ExecPlan& plan,
                            ThreadMemory& memory, const StartStack& stack) {
  if (tracer.extensions.empty()) return Done{};
  const std::size_t size = plan.abi->word_size;
  std::vector<std::byte> bytes(stack.auxv_size);
  if (const auto read = memory.read(GuestAddress{stack.auxv}, bytes); !read) return read;
  std::vector<AuxiliaryEntry> entries(bytes.size() / (2 * size) - 1);  // without AT_NULL
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::memcpy(&entries[i].type, bytes.data() + 2 * i * size, size);
    std::memcpy(&entries[i].value, bytes.data() + (2 * i + 1) * size, size);
  }
  const auto before = entries;
  ProgramStart start{.thread = thread.id,
                     .abi = plan.abi,
                     .file = (plan.foreign ? *plan.foreign : plan.program).file.get(),
                     .executable = plan.program.guest,
                     .machine = plan.machine,
                     .auxiliary = entries,
                     .memory = memory};
  for (const auto& extension : tracer.extensions)
    extension->on_program_start(start);
  if (entries == before) return Done{};
  for (std::size_t i = 0; i < std::min(entries.size(), before.size()); ++i) {
    std::memcpy(bytes.data() + 2 * i * size, &entries[i].type, size);
    std::memcpy(bytes.data() + (2 * i + 1) * size, &entries[i].value, size);
  }
  return memory.write(GuestAddress{stack.auxv}, bytes);
}

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

SysResult<ExecFile> open_executable(const std::string& host, const GuestPath& guest) {
  const auto status = stat_of(host);
  if (!status) return status.error();
  if (!S_ISREG(status->st_mode)) return Errno(EACCES);
  auto file = open_at(AT_FDCWD, host, O_RDONLY);
  if (!file) return file.error();
  const int verdict = ask_kernel(file->get());
  if (verdict == ENOSYS) {
    const auto checked = check_by_hand(host, file->get());
    if (!checked) return checked.error();
  } else if (verdict != 0) {
    return Errno(verdict);
  }
  return ExecFile{std::move(*file), host, guest};
}

SysResult<ExecFile> open_executable(Tracer& tracer, const ResolveFrom& from,
                                    const std::string& text) {
  if (text.empty()) return Errno(ENOENT);
  const auto resolved = tracer.resolver.resolve(from, text, LastLink::follow);
  if (!resolved) return resolved.error();
  return open_executable(resolved->host, resolved->guest);
}

bool is_loader_variable(std::string_view variable) { return variable.starts_with("LD_"); }

std::optional<ExecEmulator> find_emulator(std::span<const std::unique_ptr<Extension>> extensions,
                                          const ProgramFile& program, const GuestPath& guest) {
  for (const auto& extension : extensions) {
    auto emulation = extension->on_program_file(program);
    if (!emulation) continue;
    auto file = open_executable(emulation->host, guest);
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

SysResult<> begin_program(Tracer& tracer, Thread& thread, const ExecPlan& plan) {
  Registers registers(*plan.abi);
  if (const auto done = ptrace_call::get_registers(thread.id, registers); !done) return done;

  auto space = std::make_shared<AddressSpace>();
  space->executable = plan.program.guest;
  space->abi = plan.abi;
  space->machine = plan.machine;
  space->has_gate = true;
  struct stat file {};
  const ExecFile& shown = plan.foreign ? *plan.foreign : plan.program;
  if (fstat(shown.file.get(), &file) == 0) space->program = tracer.programs.begin(file);
  if (thread.space != nullptr) thread.space->slots.release(thread.slot);
  thread.space = std::move(space);
  thread.slot = -1;

  ThreadMemory memory(thread.id);
  const std::uint8_t size = plan.abi->word_size;
  StartStack stack{.pointer = registers.stack()};
  StackWords words(memory, stack.pointer, size);
  const auto file_name = read_stack(words, size, plan.hidden_words, stack);
  if (!file_name) return file_name.error();
  const auto named = write_file_name(memory, plan.file_name, stack.file_name,
                                     stack.pointer + *file_name * size, size);
  if (!named) return named;
  const auto told = tell_extensions(tracer, thread, plan, memory, stack);
  if (!told) return told;
  LOG(debug) << thread.id << " runs " << quoted(plan.program.host);
  ++tracer.stats.executions;
  gate::Plan record = loader_plan(plan, stack, choose_randomness(plan, is_randomized(thread.id)));
  record.stop_at_start = thread.stops_at_start;
  if (tracer.fast) {
    const gate::FastProcess process = tracer.fast->begin_program(thread, plan, record);
    if (process.context != 0) {
      const auto done = memory.write_object(GuestAddress{gate::kFastProcess}, process);
      if (!done) return done;
    }
  }
  return memory.write(GuestAddress{gate::kPlan}, used_bytes(record));
}

}  // namespace nestp

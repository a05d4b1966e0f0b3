#include "engine/ptrace/emulate/requests.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <vector>

#include "engine/log.h"
#include "engine/ptrace/ptrace_call.h"

namespace nestp {
namespace {

using Number = SysResult<std::int64_t>;

// Requests of x86 alone, and others that sys/ptrace.h has under other names or not at all.
constexpr int kPeekUser = 3, kPokeUser = 6;
constexpr int kGetRegisters = 12, kSetRegisters = 13, kGetFloats = 14, kSetFloats = 15;
constexpr int kGetThreadArea = 25, kSetThreadArea = 26, kArchPrctl = 30;
constexpr int kGetFpxRegisters = 18, kSetFpxRegisters = 19;
constexpr int kGetRseq = 0x420f;
constexpr std::size_t kMostRegisterBytes = 1 << 16;  // XSAVE areas are below 12 KiB today
constexpr std::size_t kThreadAreaSize = 16;          // struct user_desc
constexpr std::size_t kMaskSize = 8;
constexpr std::size_t kRseqSize = 24;         // struct ptrace_rseq_configuration
constexpr std::size_t kMostFixedBytes = 512;  // FXSAVE
constexpr int kMostSignals = 64;
constexpr std::uint64_t kGetFs = 0x1003, kGetGs = 0x1004;  // ARCH_*

// x86_64's user_regs_struct and user_fpregs_struct, and its debug registers in struct user.
constexpr std::size_t kRegistersSize = 216, kFloatsSize = 512;
constexpr std::uint64_t kWideDebugStart = 848;

// i386's struct user: the registers, what nobody uses, the debug registers.
constexpr std::uint64_t kRegistersEnd = 68, kDebugStart = 252, kDebugEnd = 284;

/// One request under way: who asks, of whom, with what.
struct Request {
  CallFrame& frame;
  Thread& ptracee;
  int what = 0;
  std::uint64_t address = 0, data = 0;

  std::uint8_t word() const { return frame.abi().word_size; }
  bool is_narrow() const { return word() == 4; }
};

std::uint64_t pointer(const void* bytes) { return reinterpret_cast<std::uintptr_t>(bytes); }

Number done(const SysResult<>& result) {
  if (!result) return result.error();
  return 0;
}

Number give(Request& request, const void* bytes, std::size_t size) {
  return done(request.frame.memory().write(GuestAddress{request.data},
                                           std::span(static_cast<const std::byte*>(bytes), size)));
}

/// The kernel fills `size` bytes for `request.data`.
Number get_bytes(Request& request, std::size_t size) {
  std::vector<std::byte> bytes(size);
  const auto got =
      ptrace_call::raw(request.what, request.ptracee.id, request.address, pointer(bytes.data()));
  if (!got) return got.error();
  return give(request, bytes.data(), size);
}

Number put_bytes(Request& request, std::size_t size) {
  std::vector<std::byte> bytes(size);
  const auto read = request.frame.memory().read(GuestAddress{request.data}, bytes);
  if (!read) return read.error();
  const auto put =
      ptrace_call::raw(request.what, request.ptracee.id, request.address, pointer(bytes.data()));
  if (!put) return put.error();
  return 0;
}

Number pass_on(const Request& request) {
  const auto passed =
      ptrace_call::raw(request.what, request.ptracee.id, request.address, request.data);
  if (!passed) return passed.error();
  return std::int64_t{*passed};
}

Number peek(Request& request) {
  const auto word = ptrace_call::peek(request.ptracee.id, request.address);
  if (!word) return word.error();
  return give(request, &*word, request.word());
}

Number poke(Request& request) {
  if (!request.is_narrow()) {
    return done(ptrace_call::poke(request.ptracee.id, request.address, request.data));
  }
  const auto word = ptrace_call::peek(request.ptracee.id, request.address);
  if (!word) return word.error();
  const std::uint64_t joined = (*word & ~0xffffffffULL) | static_cast<std::uint32_t>(request.data);
  return done(ptrace_call::poke(request.ptracee.id, request.address, joined));
}

// ---- registers ------------------------------------------------------------------

/// PTRACE_GETREGSET and _SETREGSET: `address` is the kind, `data` an iovec of the guest's.
Number register_set(Request& request) {
  std::uint64_t where = 0, size = 0;
  auto& memory = request.frame.memory();
  const std::size_t word = request.word();
  const auto read = [&](std::uint64_t at, std::uint64_t& into) {
    return memory.read(GuestAddress{at}, std::as_writable_bytes(std::span(&into, 1)).first(word));
  };
  if (!read(request.data, where) || !read(request.data + word, size)) return Errno(EFAULT);
  std::vector<std::byte> bytes(std::min<std::size_t>(size, kMostRegisterBytes));
  if (request.what == PTRACE_SETREGSET && !memory.read(GuestAddress{where}, bytes)) {
    return Errno(EFAULT);
  }
  iovec area{bytes.data(), bytes.size()};
  const auto passed =
      ptrace_call::raw(request.what, request.ptracee.id, request.address, pointer(&area));
  if (!passed) return passed.error();
  if (request.what == PTRACE_GETREGSET &&
      !memory.write(GuestAddress{where}, std::span(bytes).first(area.iov_len))) {
    return Errno(EFAULT);
  }
  const std::uint64_t filled = area.iov_len;
  return done(memory.write(GuestAddress{request.data + word},
                           std::as_bytes(std::span(&filled, 1)).first(word)));
}

/// The same from a 32-bit tracer's fixed-size requests: the kernel shows nestp,
/// a 64-bit one, another layout there, but register sets are the thread's own.
Number narrow_registers(Request& request, int kind, bool put) {
  std::vector<std::byte> bytes(kMostFixedBytes);
  iovec area{bytes.data(), bytes.size()};
  const auto id = request.ptracee.id;
  const auto kind_number = static_cast<std::uint64_t>(kind);
  const auto got = ptrace_call::raw(PTRACE_GETREGSET, id, kind_number, pointer(&area));
  if (!got) return got.error();
  if (!put) return give(request, bytes.data(), area.iov_len);
  bytes.resize(area.iov_len);
  const auto read = request.frame.memory().read(GuestAddress{request.data}, bytes);
  if (!read) return read.error();
  const auto set = ptrace_call::raw(PTRACE_SETREGSET, id, kind_number, pointer(&area));
  if (!set) return set.error();
  return 0;
}

/// A 32-bit tracer's struct user: registers first, debug registers at the end.
Number narrow_user_word(Request& request, bool put) {
  const std::uint64_t offset = request.address;
  if (offset % 4 != 0 || offset >= kDebugEnd) return Errno(EIO);
  if (offset >= kDebugStart) {
    const std::uint64_t real = kWideDebugStart + (offset - kDebugStart) * 2;
    const auto passed = ptrace_call::raw(request.what, request.ptracee.id, real, request.data);
    if (!passed) return passed.error();
    const auto word = static_cast<std::uint32_t>(*passed);
    return put ? Number(0) : give(request, &word, sizeof word);
  }
  if (offset >= kRegistersEnd) return put ? Number(0) : get_bytes(request, 0);
  Registers registers(kAbiX86);
  if (const auto got = ptrace_call::get_registers(request.ptracee.id, registers); !got) {
    return got.error();
  }
  if (registers.abi().word_size != 4) return Errno(EIO);
  if (!put) return give(request, registers.bytes().data() + offset, 4);
  std::memcpy(registers.room().data() + offset, &request.data, 4);
  return done(ptrace_call::set_registers(request.ptracee.id, registers));
}

Number user_word(Request& request) {
  const bool put = request.what == kPokeUser;
  if (request.is_narrow()) return narrow_user_word(request, put);
  const auto passed =
      ptrace_call::raw(request.what, request.ptracee.id, request.address, request.data);
  if (!passed) return passed.error();
  const auto word = static_cast<std::uint64_t>(*passed);
  return put ? Number(0) : give(request, &word, sizeof word);
}

Number fixed_registers(Request& request) {
  const bool put = request.what == kSetRegisters || request.what == kSetFloats ||
                   request.what == kSetFpxRegisters;
  if (request.is_narrow()) {
    int kind = NT_PRSTATUS;
    if (request.what == kGetFloats || request.what == kSetFloats) kind = NT_PRFPREG;
    if (request.what == kGetFpxRegisters || request.what == kSetFpxRegisters) kind = NT_PRXFPREG;
    return narrow_registers(request, kind, put);
  }
  if (request.what == kGetFpxRegisters || request.what == kSetFpxRegisters) return Errno(EIO);
  const bool general = request.what == kGetRegisters || request.what == kSetRegisters;
  const std::size_t size = general ? kRegistersSize : kFloatsSize;
  return put ? put_bytes(request, size) : get_bytes(request, size);
}

// ---- signals and calls ----------------------------------------------------------

/// i386 packs what x86_64 aligns to 8 bytes.
std::string narrow_siginfo(const siginfo_t& info) {
  std::string bytes(128, '\0');
  const auto* from = reinterpret_cast<const char*>(&info);
  std::memcpy(bytes.data(), from, 12);
  const bool is_fault = info.si_code > 0 && info.si_code < 0x80 && info.si_signo != SIGCHLD;
  if (is_fault) {
    const auto address = static_cast<std::uint32_t>(pointer(info.si_addr));
    std::memcpy(bytes.data() + 12, &address, 4);
  } else {
    std::memcpy(bytes.data() + 12, from + 16, 12);
  }
  return bytes;
}

Number signal_info(Request& request) {
  const Ptracee& ptracee = *request.ptracee.ptracee;
  const GuestStop& stop = *ptracee.stop;
  // A group-stop of PTRACE_ATTACH is told apart by this (ptrace(2)).
  if (stop.kind == GuestStop::Kind::group && !ptracee.seized) return Errno(EINVAL);
  siginfo_t info{};
  if (stop.info) {
    info = *stop.info;
  } else {
    const auto got = ptrace_call::signal_info(request.ptracee.id);
    if (!got) return got.error();
    info = *got;
  }
  const bool at_call =
      stop.kind == GuestStop::Kind::call_entry || stop.kind == GuestStop::Kind::call_exit;
  if (at_call) info.si_code = stop_code(stop, ptracee);
  if (!request.is_narrow()) return give(request, &info, sizeof info);
  const std::string bytes = narrow_siginfo(info);
  return give(request, bytes.data(), bytes.size());
}

Number set_signal_info(Request& request) {
  if (request.is_narrow()) return Errno(EIO);
  GuestStop& stop = *request.ptracee.ptracee->stop;
  if (!stop.genuine) {
    siginfo_t info{};
    const auto read = request.frame.memory().read(GuestAddress{request.data},
                                                  std::as_writable_bytes(std::span(&info, 1)));
    if (!read) return read.error();
    stop.info = info;
    return 0;
  }
  stop.info.reset();
  return put_bytes(request, sizeof(siginfo_t));
}

Number event_message(Request& request) {
  const std::uint64_t message = request.ptracee.ptracee->stop->message;
  return give(request, &message, request.word());
}

/// struct ptrace_syscall_info, up to its largest variant.
struct CallInfo {
  std::uint8_t op = 0, padding[3] = {};
  std::uint32_t architecture = 0;
  std::uint64_t instruction = 0, stack = 0;
  std::uint64_t rest[8] = {};
};
constexpr std::uint8_t kCallNone = 0, kCallExit = 2;

Number call_info(Request& request) {
  const Ptracee& ptracee = *request.ptracee.ptracee;
  const GuestStop& stop = *ptracee.stop;
  const bool at_call =
      stop.kind == GuestStop::Kind::call_entry || stop.kind == GuestStop::Kind::call_exit;
  const bool at_filter = stop.kind == GuestStop::Kind::event && stop.event == PTRACE_EVENT_SECCOMP;
  const bool told = at_filter || (at_call && (ptracee.options & PTRACE_O_TRACESYSGOOD) != 0);
  CallInfo info;
  std::int64_t size = offsetof(CallInfo, rest);
  const auto got = ptrace_call::raw(request.what, request.ptracee.id, sizeof info, pointer(&info));
  if (!got) return got.error();
  if ((at_call || at_filter) && stop.genuine) {
    if (told) size = *got;
    if (!told) info.op = kCallNone;
  } else {
    // The kernel's stop is another one than the guest sees: registers alone are right.
    info.op = told ? kCallExit : kCallNone;
    std::fill(std::begin(info.rest), std::end(info.rest), 0);  // a successful exec
    if (told) size += 9;  // the result and whether it is an error
  }
  const auto room = std::min<std::size_t>(request.address, static_cast<std::size_t>(size));
  const auto given = give(request, &info, room);
  if (!given) return given;
  return size;
}

Number peek_signals(Request& request) {
  struct {
    std::uint64_t offset;
    std::uint32_t flags;
    std::int32_t count;
  } args{};
  const auto read = request.frame.memory().read(GuestAddress{request.address},
                                                std::as_writable_bytes(std::span(&args, 1)));
  if (!read) return read.error();
  if (args.count < 0) return Errno(EINVAL);
  if (request.is_narrow()) return Errno(EIO);
  args.count = std::min(args.count, kMostSignals);
  std::vector<siginfo_t> infos(static_cast<std::size_t>(args.count));
  const auto got =
      ptrace_call::raw(request.what, request.ptracee.id, pointer(&args), pointer(infos.data()));
  if (!got) return got.error();
  const auto given =
      give(request, infos.data(), static_cast<std::size_t>(*got) * sizeof(siginfo_t));
  if (!given) return given;
  return std::int64_t{*got};
}

/// ARCH_GET_* write to an address of the tracing guest, which is not nestp's.
Number arch_prctl(Request& request) {
  if (request.is_narrow()) return Errno(EIO);
  if (request.data != kGetFs && request.data != kGetGs) return pass_on(request);
  std::uint64_t base = 0;
  const auto got = ptrace_call::raw(request.what, request.ptracee.id, pointer(&base), request.data);
  if (!got) return got.error();
  return done(request.frame.memory().write(GuestAddress{request.address},
                                           std::as_bytes(std::span(&base, 1))));
}

Number signal_mask(Request& request) {
  if (request.address != kMaskSize) return Errno(EINVAL);
  return request.what == PTRACE_GETSIGMASK ? get_bytes(request, kMaskSize)
                                           : put_bytes(request, kMaskSize);
}

Number restartable_sequences(Request& request) {
  if (request.address != kRseqSize) return Errno(EINVAL);
  const auto got = get_bytes(request, kRseqSize);
  if (!got) return got;
  return std::int64_t{kRseqSize};
}

Number unknown(const Request& request) {
  LOG(info) << request.frame.thread().id << " asks for ptrace request " << request.what
            << ", which nestp lacks: EIO";
  return Errno(EIO);
}

}  // namespace

SysResult<std::int64_t> do_ptrace_request(CallFrame& frame, Thread& ptracee) {
  Request request{.frame = frame,
                  .ptracee = ptracee,
                  .what = static_cast<int>(frame.arg(0)),
                  .address = frame.arg(2),
                  .data = frame.arg(3)};
  switch (request.what) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
      return peek(request);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
      return poke(request);
    case kPeekUser:
    case kPokeUser:
      return user_word(request);
    case kGetRegisters:
    case kSetRegisters:
    case kGetFloats:
    case kSetFloats:
    case kGetFpxRegisters:
    case kSetFpxRegisters:
      return fixed_registers(request);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
      return register_set(request);
    case PTRACE_GETSIGINFO:
      return signal_info(request);
    case PTRACE_SETSIGINFO:
      return set_signal_info(request);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
      return signal_mask(request);
    case PTRACE_PEEKSIGINFO:
      return peek_signals(request);
    case PTRACE_GETEVENTMSG:
      return event_message(request);
    case PTRACE_GET_SYSCALL_INFO:
      return call_info(request);
    case kGetRseq:
      return restartable_sequences(request);
    case kGetThreadArea:
      return get_bytes(request, kThreadAreaSize);
    case kSetThreadArea:
      return put_bytes(request, kThreadAreaSize);
    case kArchPrctl:
      return arch_prctl(request);
    default:
      return unknown(request);
  }
}

}  // namespace nestp

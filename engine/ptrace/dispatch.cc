#include "engine/ptrace/dispatch.h"

#include <array>
#include <cerrno>

#include "engine/log.h"
#include "engine/ptrace/changes.h"
#include "engine/ptrace/special/read_only.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

using Handler = void (*)(CallFrame&);

/// In the order of enum class Special.
constexpr Handler kSpecials[] = {
    ordinary_call,  special_exec,   special_cwd,      special_root,
    special_mount,  special_socket, ordinary_call,    special_listing,
    special_ptrace, special_wait,   special_prctl,    special_namespaces,
    special_handle, ordinary_call,  special_affinity, special_unavailable,
};

bool contains(const SysSet& set, Sys sys) { return set.test(static_cast<std::size_t>(sys)); }

/// The guest's memory with the room that the call's frame has.
class CallMemory final : public GuestMemory {
 public:
  explicit CallMemory(CallFrame& frame) : frame_(frame) {}
  SysResult<> read(GuestAddress from, std::span<std::byte> into) override {
    return frame_.memory().read(from, into);
  }
  SysResult<> write(GuestAddress to, std::span<const std::byte> bytes) override {
    return frame_.memory().write(to, bytes);
  }
  SysResult<> write_code(GuestAddress to, std::span<const std::byte> bytes) override {
    return frame_.memory().write_code(to, bytes);
  }
  std::uint64_t place(const std::string& text) override {
    const std::string_view bytes(text.c_str(), text.size() + 1);
    const std::uint64_t address = frame_.place(bytes);
    // At once, as the translation will read it there.
    const bool written =
        address != 0 &&
        frame_.memory().write(GuestAddress{address}, std::as_bytes(std::span(bytes))).ok();
    return written ? address : 0;
  }

 private:
  CallFrame& frame_;
};

Call call_of(CallFrame& frame, CallMemory& memory) {
  return Call{.sys = frame.sys(),
              .abi = &frame.abi(),
              .thread = frame.thread().id,
              .process = frame.thread().process->id,
              .args = frame.args(),
              .result = frame.result(),
              .memory = memory};
}

bool sees_end(CallFrame& frame, std::size_t extension) {
  return (frame.thread().wanted_exits >> extension & 1) != 0 ||
         contains(frame.tracer().extensions[extension]->exits(), frame.sys());
}

/// Extension `answering` has answered `call`: the others see its end at once.
void show_answer(CallFrame& frame, Call& call, std::size_t answering) {
  const auto extensions = frame.tracer().extensions;
  for (std::size_t i = extensions.size(); i-- > 0;) {
    if (i != answering && sees_end(frame, i)) extensions[i]->on_exit(call);
  }
  frame.answer(call.result);
}

void replace_arguments(CallFrame& frame, const Call& call) {
  const auto before = frame.args();
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    if (call.args[i] != before[i]) frame.set_arg(static_cast<int>(i), call.args[i]);
  }
}

/// What extension `index` decided about `call`.  True: nothing is left to decide.
bool take_over(CallFrame& frame, Call& call, Entry decision, std::size_t index) {
  if (frame.tracer().fast) frame.tracer().fast->review(frame.thread());
  if (decision == Entry::answered) {
    show_answer(frame, call, index);
    return true;
  }
  if (call.wants_exit) frame.thread().wanted_exits |= std::uint32_t{1} << index;
  if (call.sys != frame.sys()) frame.become(call.sys);
  replace_arguments(frame, call);
  if (decision != Entry::untranslated) return false;
  frame.at_exit([](CallFrame&) {});
  return true;
}

/// True if an extension decided the call.
bool ask_extensions(CallFrame& frame) {
  CallMemory memory(frame);
  frame.thread().wanted_exits = 0;
  const auto extensions = frame.tracer().extensions;
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    if (!contains(extensions[i]->entries(), frame.sys())) continue;
    Call call = call_of(frame, memory);
    const Entry decision = extensions[i]->on_entry(call);
    if (take_over(frame, call, decision, i)) return true;
  }
  return false;
}

bool wants_exit(CallFrame& frame) {
  for (std::size_t i = 0; i < frame.tracer().extensions.size(); ++i) {
    if (sees_end(frame, i)) return true;
  }
  return false;
}

/// A number that sysno.def lacks: a call newer than this nestp.  It may carry a
/// path, so it must not reach the kernel; glibc and others fall back on ENOSYS.
void refuse_unknown(CallFrame& frame) {
  static bool said = false;
  if (!said) {
    said = true;
    LOG(info) << frame.thread().id << " made call " << frame.registers().number() << " of "
              << frame.abi().name << ", which this version does not know: ENOSYS";
  }
  frame.fail(Errno(ENOSYS));
}

}  // namespace

void decide_entry(CallFrame& frame) {
  if (frame.sys() == Sys::unknown) return refuse_unknown(frame);
  // An extension answers by what the host would allow, which knows nothing of the view.
  if (const auto error = refusal_by_descriptor(frame)) return frame.fail(*error);
  note_changes_of_descriptor(frame);
  if (ask_extensions(frame)) return;
  if (frame.row() != nullptr) kSpecials[static_cast<std::size_t>(frame.row()->special)](frame);
  if (!frame.is_answered() && !frame.has_exit_handler() && wants_exit(frame)) {
    frame.at_exit([](CallFrame&) {});
  }
}

bool wants_objects(CallFrame& frame) {
  for (const auto& extension : frame.tracer().extensions) {
    if (contains(extension->objects(), frame.sys())) return true;
  }
  return false;
}

bool ask_about_objects(CallFrame& frame, std::span<CallObject> objects) {
  CallMemory memory(frame);
  const auto extensions = frame.tracer().extensions;
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    if (!contains(extensions[i]->objects(), frame.sys())) continue;
    Call call = call_of(frame, memory);
    call.objects = objects;
    const Entry decision = extensions[i]->on_objects(call);
    if (take_over(frame, call, decision, i)) return true;
  }
  return false;
}

void decide_exit(CallFrame& frame) {
  if (const auto handler = std::move(frame.thread().at_exit)) handler(frame);
  const auto extensions = frame.tracer().extensions;
  CallMemory memory(frame);
  for (std::size_t i = extensions.size(); i-- > 0;) {
    if (!sees_end(frame, i)) continue;
    Call call = call_of(frame, memory);
    extensions[i]->on_exit(call);
    if (frame.tracer().fast) frame.tracer().fast->review(frame.thread());
    if (call.repeats) frame.repeat();
    frame.set_result(call.result);
  }
}

}  // namespace nestp

#include "engine/ptrace/fast/fast_path.h"

#include <algorithm>
#include <fcntl.h>
#include <functional>
#include <map>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/call_frame.h"
#include "engine/ptrace/exec/plan.h"
#include "engine/ptrace/special/proc_content.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

using gate::EntryKind;
using gate::FastKind;

std::uint64_t mix(std::uint64_t number, const std::string& text) {
  const std::uint64_t hash = gate::hash_of_key(EntryKind::name, number, 0, text.data(),
                                               static_cast<std::uint32_t>(text.size()));
  return hash | 1;  // 0 means none
}

/// The kernel has listxattrat(2), Linux 6.13.
bool has_listxattrat() {
  constexpr long kListXattrAt = 465;
  return syscall(kListXattrAt, AT_FDCWD, nullptr, 0, nullptr, 0) == -1 && errno != ENOSYS &&
         errno != EPERM;
}

bool has_openat2() {
  // EFAULT or EINVAL from a kernel that has it.
  return syscall(SYS_openat2, AT_FDCWD, nullptr, nullptr, 0) == -1 && errno != ENOSYS &&
         errno != EPERM;
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_linker_of_glibc(std::string_view name) {
  return name.starts_with("ld-") && !name.starts_with("ld-musl") && name.find(".so") != name.npos;
}

/// What the handler must know of a view: gate::kProcess*.
std::uint32_t process_flags(const View& view) {
  return (view.has_read_only() ? gate::kProcessReadOnly : 0) |
         (view.is_ambiguous() ? gate::kProcessAmbiguous : 0);
}

/// What the loader maps besides the segments of `file`, which they follow if it can move.
void add_stubs(const StubSegment& stubs, gate::PlanFile& file, gate::PlanSegment& segment) {
  if (stubs.size == 0) return;
  segment = {.address = stubs.address,
             .file_offset = stubs.offset,
             .file_size = stubs.size,
             .memory_size = stubs.size,
             .protection = PROT_READ | PROT_EXEC};
  if (file.movable != 0) file.span = stubs.address + stubs.size - file.low;
}

}  // namespace

std::unique_ptr<FastPath> FastPath::make(Tracer& tracer) {
  const Guest& guest = tracer.guest;
  if (!gate::kHasHandler || !guest.fast_path || !guest.accelerate ||
      guest.cache == CacheMode::off || tracer.trace ||
      guest.backtrace) {  // a copy has no name by which its symbols are found
    return nullptr;
  }
  SysSet wanted;
  Extension* world = nullptr;
  for (const auto& extension : tracer.extensions) {
    if (extension->replaces_paths()) return nullptr;
    SysSet asks = extension->entries() | extension->exits() | extension->objects();
    if (extension->inside_world()) {
      world = extension.get();
      asks &= ~calls_of_world();
    } else if (extension->objects().any()) {
      return nullptr;  // who judges objects may also open what the kernel denies
    }
    wanted |= asks | extension->refused();
  }
  if (guest.view->has_unlisted()) {  // which a listing must show
    wanted.set(static_cast<std::size_t>(Sys::getdents));
    wanted.set(static_cast<std::size_t>(Sys::getdents64));
  }
  auto memo = Memo::make(guest.cache != CacheMode::exclusive);
  if (memo == nullptr) return nullptr;
  const FastCalls calls = fast_calls(kAbiX64, wanted, world != nullptr);
  return std::unique_ptr<FastPath>(
      new FastPath(tracer, std::move(memo), calls, world, usual_cache()));
}

FastPath::FastPath(Tracer& tracer, std::unique_ptr<Memo> memo, const FastCalls& calls,
                   Extension* world, const std::string& cache)
    : tracer_(tracer),
      memo_(std::move(memo)),
      calls_(calls),
      copies_(kAbiX64, calls, cache),
      world_(world),
      has_privilege_(geteuid() == 0) {
  gate::MemoHeader& header = memo_->header();
  std::copy(calls.begin(), calls.end(), header.calls);
  header.use_openat2 = has_openat2() ? 1 : 0;
  const auto proc = stat_of("/proc");
  header.proc_device = proc ? proc->st_dev : 0;
  header.real_user = geteuid();
  if (world_ == nullptr) return;
  const InsideWorld ids = *world_->inside_world();
  header.believes = 1;
  header.real_user = ids.real_user;
  header.real_group = ids.real_group;
  header.shown_user = ids.shown_user;
  header.shown_group = ids.shown_group;
  header.use_listxattrat = has_listxattrat() ? 1 : 0;
  header.plain_device = PlainFiles::device_of(tracer.guest.view->to_host(GuestPath::root()).text());
  if (header.plain_device != 0) plain_files_.emplace(cache);
  places_ = SharedPlaces::make(tracer);
  world_->share_places(places_.get());
}

FastPath::~FastPath() {
  if (world_ != nullptr) world_->share_places(nullptr);
}

// ---- who may use it ---------------------------------------------------------------

bool FastPath::is_allowed(const Thread& thread) const {
  return thread.space->abi == &kAbiX64 && thread.ptracee == nullptr &&
         !thread.process->has_own_filters &&
         (world_ == nullptr || world_->is_inside_world(thread.id));
}

std::uint64_t FastPath::context_of(const Thread& thread) {
  return mix(tracer_.view(thread).serial(), thread.files->root.text());
}

bool FastPath::is_alone(const Thread& thread) const {
  bool alone = true;
  tracer_.threads.for_each([&](const Thread& other) {
    if (other.space == thread.space &&
        (other.files != thread.files || other.process->mounts != thread.process->mounts ||
         !is_allowed(other))) {
      alone = false;
    }
  });
  return alone;
}

gate::FastProcess FastPath::begin_program(Thread& thread, const ExecPlan& plan,
                                          gate::Plan& record) {
  gate::FastProcess process{};
  AddressSpace& space = *thread.space;
  if (!is_allowed(thread)) return process;
  const auto give = [](char* place, const std::string& text) {
    constexpr std::size_t kRoom = sizeof record.memo;
    if (text.size() < kRoom) text.copy(place, text.size());
  };
  const bool is_static = !plan.interpreter;
  const std::string& host = is_static ? plan.program.host : plan.interpreter->host;
  const auto copy = copies_.copy_of(host, Mapper::loader);
  if (!copy) return process;
  give(record.copies[is_static ? 0 : 1], copy->path);
  add_stubs(copy->stubs, is_static ? record.program : record.interpreter,
            record.stubs[is_static ? 0 : 1]);
  give(record.memo, memo_->path());
  if (plain_files_) give(record.plain_files, plain_files_->path());
  if (places_) give(record.record_places, places_->path());
  // As a program of its own it is one that can move.
  record.opens_libraries =
      is_linker_of_glibc(base_name(host)) && (!is_static || record.program.movable != 0);
  space.fast = {};
  space.fast.has_code = true;
  space.fast.opens_libraries = record.opens_libraries != 0;
  const std::uint64_t context = context_of(thread);
  if (publish_names(thread, context)) {
    space.fast.context = context;
    space.fast.directory = directory_of(thread);
    learn_starts(thread);
  }
  process.context = space.fast.context;
  process.directory = space.fast.directory;
  process.flags = process_flags(tracer_.view(thread)) |
                  (tracer_.guest.stats.empty() ? 0 : gate::kProcessCounts);
  return process;
}

bool FastPath::publish_names(const Thread& thread, std::uint64_t context) {
  const auto [known, is_new] = named_.try_emplace(context, false);
  if (!is_new) return known->second;
  std::map<std::string_view, std::uint32_t> names;
  for (const Binding& binding : tracer_.view(thread).bindings()) {
    if (binding.guest != GuestPath::root())
      names[base_name(binding.guest.text())] |= gate::kNameOfMount;
  }
  for (const std::string_view name : proc_names())
    names[name] |= gate::kNameOfProc;
  for (const std::string_view name : tracer_.text_names)
    names[name] |= gate::kNameOfProc;
  for (const auto& [name, where] : names) {
    if (!memo_->publish({EntryKind::name, context, 0, name}, {}, where, true)) return false;
  }
  return known->second = true;
}

void FastPath::write_process(Thread& thread) {
  ThreadMemory memory(thread.id);
  auto process = memory.read_object<gate::FastProcess>(GuestAddress{gate::kFastProcess});
  if (!process) return;
  AddressSpace& space = *thread.space;
  if (process->memo_missing != 0) {
    space.fast = {};
    return;
  }
  process->context = space.fast.context;
  process->directory = space.fast.directory;
  process->flags = (process->flags & gate::kProcessCounts) | process_flags(tracer_.view(thread));
  (void)memory.write_object(GuestAddress{gate::kFastProcess}, *process);
}

bool FastPath::prepare(Thread& thread) {
  AddressSpace& space = *thread.space;
  if (!space.fast.has_code || !is_allowed(thread)) return false;
  const std::uint64_t context = context_of(thread);
  if (space.fast.context == context) return true;
  if (!is_alone(thread)) return false;
  if (!publish_names(thread, context)) return false;
  space.fast.context = context;
  space.fast.directory = 0;
  write_process(thread);
  return space.fast.context == context;
}

std::uint64_t FastPath::directory_of(Thread& thread) {
  if (thread.files->changes_under_way != 0) return 0;
  const auto directory = tracer_.working_directory(thread);
  if (!directory.guest || thread.files->directory->is_deleted) return 0;
  return mix(tracer_.directory_epoch(), directory.guest->text());
}

std::uint64_t FastPath::shared_directory(Thread& thread) {
  const std::uint64_t directory = directory_of(thread);
  if (directory == 0 || thread.space->fast.directory == directory) return directory;
  if (!is_alone(thread)) return 0;
  thread.space->fast.directory = directory;
  write_process(thread);
  return directory;
}

void FastPath::leave_directory(Thread& thread) {
  tracer_.threads.for_each([&](Thread& other) {
    if (other.files != thread.files || other.space->fast.directory == 0) return;
    other.space->fast.directory = 0;
    write_process(other);
  });
}

void FastPath::suspend(Thread& thread) {
  if (thread.space->fast.context == 0) return;
  thread.space->fast.context = 0;
  thread.space->fast.directory = 0;
  write_process(thread);
}

void FastPath::forget() {
  const std::uint64_t now = memo_->end_all();
  // Where paths lead is another matter than which files have records: what is known of these ends
  // with its time alone.
  std::uint64_t& recorded = memo_->header().recorded_generation;
  if (recorded == now - 1) __atomic_store_n(&recorded, now, __ATOMIC_RELEASE);
}

void FastPath::suspend_all() {
  tracer_.threads.for_each([this](Thread& thread) { suspend(thread); });
}

void FastPath::review(Thread& thread) {
  if (world_ == nullptr) return;
  __atomic_add_fetch(&memo_->header().visits, 1, __ATOMIC_ACQ_REL);
  if (thread.space->fast.context != 0 && !is_allowed(thread)) suspend(thread);
  const gate::MemoHeader& header = memo_->header();
  note_recorded(header.recorded_generation != header.generation);
}

void FastPath::note_recorded(bool refresh) {
  gate::MemoHeader& header = memo_->header();
  const std::uint64_t generation = __atomic_load_n(&header.generation, __ATOMIC_ACQUIRE);
  const auto recorded = world_->take_recorded(refresh);
  for (const RecordedInode& inode : recorded) {
    const auto bits = gate::recorded_bits(inode.device, inode.number);
    for (const std::uint64_t bit : {bits.first, bits.second})
      __atomic_fetch_or(&header.recorded[bit / 64], std::uint64_t{1} << (bit % 64),
                        __ATOMIC_RELEASE);
  }
  if (!recorded.empty()) __atomic_store_n(&header.has_recorded, 1U, __ATOMIC_RELEASE);
  if (!refresh) return;
  __atomic_store_n(&header.recorded_generation, generation, __ATOMIC_RELEASE);
  memo_->note_published();
}

bool FastPath::makes_threads() const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [](const gate::FastCall& call) { return call.kind == FastKind::thread; });
}

void FastPath::count(Stats& stats) const {
  const gate::MemoHeader& header = memo_->header();
  for (std::size_t number = 0; number < gate::kFastCalls; ++number) {
    if (calls_[number].kind == FastKind::none) continue;
    CallStats& call = stats.of(sys_of(kAbiX64, static_cast<std::int32_t>(number)));
    call.inside += header.answered[number];
    call.has_fast_path = true;
    for (std::size_t reason = 0; reason < gate::kAskReasons; ++reason)
      call.asked[reason] += header.asked[number][reason];
  }
}

}  // namespace nestp

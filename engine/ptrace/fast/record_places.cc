#include "engine/ptrace/fast/record_places.h"

#include <ctime>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/ptrace/fast/fast_path.h"
#include "engine/ptrace/fast/unwind.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

/// It will run no more, though its end may be told only after that of others.
bool has_ended(pid_t thread) {
  const auto text = read_file("/proc/" + std::to_string(thread) + "/stat");
  if (!text) return true;
  const std::size_t name_end = text->rfind(") ");
  const char state = name_end != text->npos ? (*text)[name_end + 2] : '?';
  return state == 'Z' || state == 'X';
}

}  // namespace

bool leave_handler_of(Tracer& tracer, Thread& thread) {
  if (!thread.space->fast.has_code) return false;
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers) || !in_handler(registers)) return false;
  ThreadMemory memory(thread.id);
  if (!leave_handler(registers, memory)) return false;
  (void)ptrace_call::set_registers(thread.id, registers);
  if (SharedPlaces* const places = tracer.fast->places()) places->free(thread.id);
  return true;
}

std::unique_ptr<SharedPlaces> SharedPlaces::make(Tracer& tracer) {
  if (!may_write_files_of(gate::kRecordPlacesSize)) return nullptr;
  UniqueFd file(memfd_create("nestp-places", MFD_CLOEXEC));
  if (!file || ftruncate(file.get(), gate::kRecordPlacesSize) != 0) return nullptr;
  void* memory =
      mmap(nullptr, gate::kRecordPlacesSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return nullptr;
  return std::unique_ptr<SharedPlaces>(new SharedPlaces(tracer, std::move(file), memory));
}

SharedPlaces::SharedPlaces(Tracer& tracer, UniqueFd file, void* memory)
    : tracer_(tracer), file_(std::move(file)), shared_(static_cast<gate::RecordPlaces*>(memory)) {}

SharedPlaces::~SharedPlaces() { munmap(shared_, gate::kRecordPlacesSize); }

std::string SharedPlaces::path() const { return shared_link(file_.get()); }

std::uint32_t& SharedPlaces::place_of(std::uint64_t inode) {
  return shared_->holders[inode % gate::RecordPlaces::kCount];
}

/// It is gone, or stopped.
bool SharedPlaces::can_take_from(pid_t holder, int waits) {
  constexpr int kSome = 30;
  Thread* thread = tracer_.threads.find_any(holder);
  if (thread == nullptr) return true;
  if (thread->announced && leave_handler_of(tracer_, *thread)) return true;
  return waits > kSome && has_ended(holder);
}

void SharedPlaces::hold(std::uint64_t inode) {
  constexpr int kYields = 20, kMostWaits = 5000;
  constexpr timespec kWait{.tv_sec = 0, .tv_nsec = 50'000};
  std::uint32_t& place = place_of(inode);
  const auto own = static_cast<std::uint32_t>(getpid());
  std::uint32_t former = 0;
  for (int waits = 0;; ++waits) {
    std::uint32_t holder = 0;
    if (__atomic_compare_exchange_n(&place, &holder, own, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      return;
    }
    if (holder != former) waits = 0;
    former = holder;
    // A change takes some microseconds once its thread has a processor: who has not let go after a
    // second is kept from it from outside.
    const bool takes = waits >= kMostWaits || can_take_from(static_cast<pid_t>(holder), waits);
    if (takes && __atomic_compare_exchange_n(&place, &holder, own, false, __ATOMIC_ACQ_REL,
                                             __ATOMIC_ACQUIRE)) {
      return;
    }
    if (takes) continue;
    if (waits < kYields) {
      sched_yield();
    } else {
      nanosleep(&kWait, nullptr);
    }
  }
}

void SharedPlaces::let_go(std::uint64_t inode) {
  __atomic_store_n(&place_of(inode), 0U, __ATOMIC_RELEASE);
}

void SharedPlaces::free(pid_t thread) {
  // Nobody else frees what that thread holds, so a look tells.
  for (std::uint32_t& place : shared_->holders) {
    auto holder = static_cast<std::uint32_t>(thread);
    if (__atomic_load_n(&place, __ATOMIC_RELAXED) != holder) continue;
    __atomic_compare_exchange_n(&place, &holder, 0U, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  }
}

}  // namespace nestp

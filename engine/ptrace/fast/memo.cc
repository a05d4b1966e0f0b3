#include "engine/ptrace/fast/memo.h"

#include <csignal>
#include <cstring>
#include <new>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/path_cache.h"

namespace nestp {
namespace {

using gate::MemoEntry;
using gate::MemoHeader;

constexpr std::size_t kAlignment = 8;

std::size_t size_of(const MemoEntry& entry) {
  const std::size_t size = sizeof entry + entry.key_size + entry.host_size + 1U;
  return (size + kAlignment - 1) & ~(kAlignment - 1);
}

std::string_view key_of(const MemoEntry& entry) {
  return {reinterpret_cast<const char*>(&entry + 1), entry.key_size};
}
std::string_view host_of(const MemoEntry& entry) {
  return {reinterpret_cast<const char*>(&entry + 1) + entry.key_size, entry.host_size};
}

template <typename T>
void store(T& place, T value) {
  __atomic_store_n(&place, value, __ATOMIC_RELEASE);
}

}  // namespace

std::unique_ptr<Memo> Memo::make(bool expires) {
  if (!may_write_files_of(gate::kMemoSize)) return nullptr;
  UniqueFd file(memfd_create("nestp-memo", MFD_CLOEXEC));
  if (!file || ftruncate(file.get(), gate::kMemoSize) != 0) return nullptr;
  void* memory = mmap(nullptr, gate::kMemoSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return nullptr;
  return std::unique_ptr<Memo>(new Memo(std::move(file), memory, expires));
}

Memo::Memo(UniqueFd file, void* memory, bool expires)
    : file_(std::move(file)),
      header_(new (memory) MemoHeader{}),
      used_((sizeof(MemoHeader) + kAlignment - 1) & ~(kAlignment - 1)),
      expires_(expires) {
  header_->generation = 1;
}

Memo::~Memo() {
  if (clock_) {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    wake_.notify_all();
    (void)pthread_join(*clock_, nullptr);  // fails only for a thread that is not one
  }
  munmap(header_, gate::kMemoSize);
}

std::string Memo::path() const { return shared_link(file_.get()); }

MemoEntry* Memo::find(const Key& key, std::uint64_t hash, std::string_view host,
                      std::uint32_t flags) {
  std::uint32_t offset = header_->buckets[hash % gate::kBuckets];
  for (int steps = 0; offset != 0 && steps < gate::kLongestChain; ++steps) {
    auto* entry = reinterpret_cast<MemoEntry*>(reinterpret_cast<char*>(header_) + offset);
    if (entry->hash == hash && entry->kind == key.kind && entry->context == key.context &&
        entry->base == key.base && entry->flags == flags && key_of(*entry) == key.text &&
        host_of(*entry) == host) {
      return entry;
    }
    offset = entry->next;
  }
  return nullptr;
}

void Memo::publish(const Key& key, std::string_view host, std::uint32_t flags, bool always) {
  constexpr std::size_t kMost = 4096;  // bytes, of a path with its NUL
  if (key.text.size() >= kMost || host.size() >= kMost) return;
  const std::uint64_t generation =
      always ? gate::kAlways : __atomic_load_n(&header_->generation, __ATOMIC_ACQUIRE);
  const std::uint64_t hash = gate::hash_of_key(key.kind, key.context, key.base, key.text.data(),
                                               static_cast<std::uint32_t>(key.text.size()));
  if (MemoEntry* known = find(key, hash, host, flags)) {
    store(known->generation, generation);
    return note_published();
  }
  std::uint32_t& bucket = header_->buckets[hash % gate::kBuckets];
  const MemoEntry entry{.hash = hash,
                        .generation = generation,
                        .context = key.context,
                        .base = key.base,
                        .kind = key.kind,
                        .flags = flags,
                        .next = bucket,
                        .key_size = static_cast<std::uint16_t>(key.text.size()),
                        .host_size = static_cast<std::uint16_t>(host.size())};
  // The handler looks no further than this from the end (find() in gate/handler.cc).
  constexpr std::size_t kSlack = 2 * sizeof(MemoEntry) + 2 * kMost;
  if (used_ + size_of(entry) + kSlack > gate::kMemoSize) return;
  char* at = reinterpret_cast<char*>(header_) + used_;
  std::memcpy(at, &entry, sizeof entry);
  // Not by memcpy, to which the null of an empty text must not be given.
  key.text.copy(at + sizeof entry, key.text.size());
  host.copy(at + sizeof entry + key.text.size(), host.size());
  at[sizeof entry + key.text.size() + host.size()] = '\0';
  store(bucket, static_cast<std::uint32_t>(used_));
  used_ += size_of(entry);
  note_published();
}

void Memo::end_all() { __atomic_add_fetch(&header_->generation, 1, __ATOMIC_ACQ_REL); }

void Memo::note_published() {
  if (!expires_) return;
  const std::lock_guard lock(mutex_);
  if (has_new_) return;
  has_new_ = true;
  if (!clock_) start_clock();
  if (!clock_) {
    // No more threads for this user: what nobody ends in time is not remembered at all.
    has_new_ = false;
    end_all();
    used_ = gate::kMemoSize;
    return;
  }
  wake_.notify_one();
}

void Memo::start_clock() {
  // Signals are for the tracer's own thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto watch = [](void* memo) -> void* {
    static_cast<Memo*>(memo)->watch_clock();
    return nullptr;
  };
  pthread_t clock{};
  if (pthread_create(&clock, nullptr, watch, this) == 0) clock_ = clock;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Memo::watch_clock() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return has_new_ || ends_; });
    if (ends_) return;
    wake_.wait_for(lock, PathCache::kStaleness, [this] { return ends_; });
    has_new_ = false;
    end_all();
  }
}

}  // namespace nestp

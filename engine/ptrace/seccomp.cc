#include "engine/ptrace/seccomp.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <linux/seccomp.h>
#include <map>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/check.h"

namespace nestp {
namespace {

constexpr std::uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA);
constexpr std::uint32_t kAuditArchX64 = 0xc000003e;
constexpr std::uint32_t kFirstNegative = 0x80000000;
constexpr std::size_t kLongestConditionalJump = 255;

std::uint32_t low_word(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high_word(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

// Offsets of the halves of a 64-bit field; every ABI of nestp is little-endian.
std::uint32_t low_offset(std::uint8_t argument) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8U * argument;
}
std::uint32_t high_offset(std::uint8_t argument) { return low_offset(argument) + 4; }

/// What becomes of a call: one of these, or the index of a rule.
using Verdict = int;
constexpr Verdict kAllow = -1;
constexpr Verdict kRefuse = -2;
constexpr Verdict kTrace = -3;

/// Instructions, and places ahead that unconditional jumps go to by name.
/// Conditional jumps are counted by who writes them: they reach 255 instructions.
class Program {
 public:
  using Label = std::size_t;

  Label make_label() {
    places_.push_back(0);
    return places_.size() - 1;
  }
  void place(Label label) { places_[label] = code_.size(); }

  void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void give(std::uint32_t action) { add(BPF_RET | BPF_K, action); }
  /// `test`: BPF_JEQ, BPF_JGE or BPF_JSET; skips so many instructions.
  void branch(std::uint16_t test, std::uint32_t value, std::size_t if_true, std::size_t if_false) {
    CHECK(if_true <= kLongestConditionalJump && if_false <= kLongestConditionalJump)
        << "jump over " << if_true << " or " << if_false << " instructions";
    add(static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), value);
    code_.back().jt = static_cast<std::uint8_t>(if_true);
    code_.back().jf = static_cast<std::uint8_t>(if_false);
  }
  void jump(Label label) {
    jumps_.push_back({code_.size(), label});
    add(BPF_JMP | BPF_JA, 0);
  }

  std::vector<sock_filter> finish() && {
    for (const auto& [from, label] : jumps_) {
      code_[from].k = static_cast<std::uint32_t>(places_[label] - from - 1);
    }
    return std::move(code_);
  }

 private:
  struct Jump {
    std::size_t from;
    Label label;
  };
  void add(std::uint16_t code, std::uint32_t value) {
    code_.push_back({.code = code, .jt = 0, .jf = 0, .k = value});
  }

  std::vector<sock_filter> code_;
  std::vector<std::size_t> places_;
  std::vector<Jump> jumps_;
};

/// Verdicts for all 32-bit numbers: each holds from its key to the next one.
class NumberMap {
 public:
  explicit NumberMap(Verdict everywhere) { starts_[0] = everywhere; }

  void set_from(std::uint32_t first, Verdict verdict) {
    starts_.erase(starts_.lower_bound(first), starts_.end());
    starts_[first] = verdict;
  }
  void set(std::uint32_t number, Verdict verdict) {
    const Verdict behind = at(number);
    starts_.try_emplace(number + 1, behind);
    starts_[number] = verdict;
  }

  struct Range {
    std::uint32_t first;
    Verdict verdict;
  };
  /// Neighbours have different verdicts; the first range starts at 0.
  std::vector<Range> ranges() const {
    std::vector<Range> list;
    for (const auto& [first, verdict] : starts_) {
      if (list.empty() || list.back().verdict != verdict) list.push_back({first, verdict});
    }
    return list;
  }

 private:
  Verdict at(std::uint32_t number) const { return std::prev(starts_.upper_bound(number))->second; }
  std::map<std::uint32_t, Verdict> starts_;
};

using Ranges = std::span<const NumberMap::Range>;

/// One rule a call: what several parties ask of the same call is joined.
std::vector<FilterRule> merged(const std::vector<FilterRule>& rules) {
  std::vector<FilterRule> result;
  for (const FilterRule& rule : rules) {
    FilterRule* known = nullptr;
    for (FilterRule& other : result) {
      if (other.sys == rule.sys) known = &other;
    }
    if (known == nullptr) {
      result.push_back(rule);
    } else {
      known->any_of.insert(known->any_of.end(), rule.any_of.begin(), rule.any_of.end());
    }
  }
  return result;
}

/// What holds for calls that no set names.
NumberMap map_of_gaps(const FilterRequest& request, const Abi& abi) {
  const Verdict known = request.trace_everything ? kTrace : kAllow;
  NumberMap map(known);
  if (request.refuse_unknown) {
    map.set_from(static_cast<std::uint32_t>(abi.highest_number) + 1, kTrace);
    if (!abi.by_private_number.empty()) map.set_from(kPrivateNumbers, known);
  }
  // The kernel itself answers a negative number, with ENOSYS.
  map.set_from(kFirstNegative, kAllow);
  if (abi.audit_arch == kAuditArchX64) map.set_from(kX32Bit, kRefuse);
  return map;
}

NumberMap map_of(const FilterRequest& request, const std::vector<FilterRule>& rules,
                 const Abi& abi) {
  NumberMap map = map_of_gaps(request, abi);
  const auto set = [&](Sys sys, Verdict verdict) {
    const std::int32_t number = number_of(abi, sys);
    if (number >= 0) map.set(static_cast<std::uint32_t>(number), verdict);
  };
  if (!request.trace_everything) {
    for (std::size_t i = 0; i < rules.size(); ++i)
      set(rules[i].sys, static_cast<Verdict>(i));
  }
  for (std::size_t i = 0; i < kSysCount; ++i) {
    if (request.refuse[i]) {
      set(static_cast<Sys>(i), kRefuse);
    } else if (request.trace[i]) {
      set(static_cast<Sys>(i), kTrace);
    }
  }
  return map;
}

class FilterMaker {
 public:
  explicit FilterMaker(const FilterRequest& request)
      : request_(request), rules_(merged(request.conditional)) {}

  std::vector<sock_filter> make() && {
    trace_ = program_.make_label();
    for (std::size_t i = 0; i < rules_.size(); ++i)
      rule_labels_.push_back(program_.make_label());
    add_architectures();
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      program_.place(rule_labels_[i]);
      for (const ArgumentTest& test : rules_[i].any_of)
        add_test(test);
      program_.give(SECCOMP_RET_ALLOW);
    }
    add_gate();
    return std::move(program_).finish();
  }

 private:
  void add_architectures() {
    std::map<std::uint32_t, Program::Label> sections;
    program_.load(offsetof(seccomp_data, arch));
    for (const Abi* abi : request_.abis) {
      // One section serves i386 processes and int $0x80 from 64-bit ones.
      const auto [section, is_new] = sections.try_emplace(abi->audit_arch, 0);
      if (!is_new) continue;
      section->second = program_.make_label();
      program_.branch(BPF_JEQ, abi->audit_arch, 0, 1);
      program_.jump(section->second);
    }
    program_.give(kNoSuchCall);
    for (const Abi* abi : request_.abis) {
      const auto section = sections.find(abi->audit_arch);
      if (section == sections.end()) continue;
      program_.place(section->second);
      sections.erase(section);
      program_.load(offsetof(seccomp_data, nr));
      add_search(map_of(request_, rules_, *abi).ranges());
    }
  }

  /// Finds the range that holds the accumulator, by halves.
  void add_search(Ranges ranges) {
    // With what they lead to, a verdict a rule and three more, within a conditional jump.
    const std::size_t most = kLongestConditionalJump - rules_.size() - 3;
    if (ranges.size() <= most) return add_block(ranges);
    const Ranges left = ranges.first(ranges.size() / 2);
    const Ranges right = ranges.subspan(left.size());
    const Program::Label other = program_.make_label();
    program_.branch(BPF_JGE, right.front().first, 0, 1);
    program_.jump(other);
    add_search(left);
    program_.place(other);
    add_search(right);
  }

  /// One instruction for each border between ranges, then one for each verdict: the kernel takes
  /// its time over every instruction when a session starts.
  void add_block(Ranges ranges) {
    std::vector<Verdict> verdicts;
    for (const NumberMap::Range& range : ranges) {
      if (std::ranges::find(verdicts, range.verdict) == verdicts.end()) {
        verdicts.push_back(range.verdict);
      }
    }
    add_borders(ranges, ranges.size() - 1, verdicts);
    for (const Verdict verdict : verdicts)
      add_verdict(verdict);
  }

  /// `rest`: instructions from here to the first of the verdicts.
  void add_borders(Ranges ranges, std::size_t rest, const std::vector<Verdict>& verdicts) {
    if (ranges.size() == 1) return;
    const Ranges left = ranges.first(ranges.size() / 2);
    const Ranges right = ranges.subspan(left.size());
    const auto verdict_at = [&](Verdict verdict) {
      const auto place = std::ranges::find(verdicts, verdict) - verdicts.begin();
      return rest - 1 + static_cast<std::size_t>(place);
    };
    const std::size_t left_size = left.size() - 1;
    program_.branch(BPF_JGE, right.front().first,
                    right.size() == 1 ? verdict_at(right.front().verdict) : left_size,
                    left.size() == 1 ? verdict_at(left.front().verdict) : 0);
    add_borders(left, rest - 1, verdicts);
    add_borders(right, rest - 1 - left_size, verdicts);
  }

  /// Exactly one instruction.
  void add_verdict(Verdict verdict) {
    if (verdict == kAllow) {
      program_.give(SECCOMP_RET_ALLOW);
    } else if (verdict == kRefuse) {
      program_.give(kNoSuchCall);
    } else {
      program_.jump(verdict == kTrace ? trace_ : rule_labels_[static_cast<std::size_t>(verdict)]);
    }
  }

  /// Goes to the gate's test if `test` holds, else on.
  void add_test(const ArgumentTest& test) {
    using Kind = ArgumentTest::Kind;
    CHECK(test.index < 6) << "argument " << int{test.index};
    const std::uint32_t low = low_word(test.value);
    const std::uint32_t high = high_word(test.value);
    program_.load(low_offset(test.index));
    switch (test.kind) {
      case Kind::equals:
        program_.branch(BPF_JEQ, low, 0, 3);
        program_.load(high_offset(test.index));
        program_.branch(BPF_JEQ, high, 0, 1);
        break;
      case Kind::equals_int:
        program_.branch(BPF_JEQ, low, 0, 1);
        break;
      case Kind::differs_int:
        program_.branch(BPF_JEQ, low, 1, 0);
        break;
      case Kind::not_zero:
        program_.branch(BPF_JEQ, 0, 0, 2);
        program_.load(high_offset(test.index));
        program_.branch(BPF_JEQ, 0, 1, 0);
        break;
      case Kind::masked_nonzero:
        program_.branch(BPF_JSET, low, 2, 0);
        program_.load(high_offset(test.index));
        program_.branch(BPF_JSET, high, 0, 1);
        break;
      case Kind::masked_zero:
        program_.branch(BPF_JSET, low, 3, 0);
        program_.load(high_offset(test.index));
        program_.branch(BPF_JSET, high, 1, 0);
        break;
    }
    program_.jump(trace_);
  }

  /// The end of every call that may stop: not if it comes from the gate.
  void add_gate() {
    constexpr std::uint32_t kPointer = offsetof(seccomp_data, instruction_pointer);
    program_.place(trace_);
    for (const std::uint64_t address : request_.gate_addresses) {
      program_.load(kPointer);
      program_.branch(BPF_JEQ, low_word(address), 0, 3);
      program_.load(kPointer + 4);
      program_.branch(BPF_JEQ, high_word(address), 0, 1);
      program_.give(SECCOMP_RET_ALLOW);
    }
    program_.give(SECCOMP_RET_TRACE | kOwnTrace);
  }

  const FilterRequest& request_;
  const std::vector<FilterRule> rules_;
  Program program_;
  Program::Label trace_ = 0;
  std::vector<Program::Label> rule_labels_;
};

}  // namespace

std::vector<sock_filter> make_filter(const FilterRequest& request) {
  auto filter = FilterMaker(request).make();
  if (filter.size() <= BPF_MAXINSNS) return filter;
  // Sets too scattered for one program: slower, but no promise is broken.
  FilterRequest everything = request;
  everything.trace_everything = true;
  everything.conditional.clear();
  filter = FilterMaker(everything).make();
  CHECK(filter.size() <= BPF_MAXINSNS) << filter.size() << " instructions";
  return filter;
}

int install_filter(std::span<const sock_filter> filter) {
  // The kernel's struct lacks a const; it copies the program.
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = const_cast<sock_filter*>(filter.data())};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  for (const unsigned long flags : {SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0UL}) {
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0) return 0;
  }
  // Kernels before 3.17 have only this.
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : errno;
}

}  // namespace nestp

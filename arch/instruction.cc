#include "arch/instruction.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <capstone/capstone.h>

namespace nestp {
namespace {

struct Machine {
  cs_arch arch;
  cs_mode mode;
};

/// False if this release of the decoder does not know the ABI.
bool find_machine(const Abi& abi, std::uint64_t address, Machine& machine) {
  switch (abi.elf_machine) {
    case 62:  // EM_X86_64
      machine = {CS_ARCH_X86, CS_MODE_64};
      return true;
    case 3:  // EM_386
      machine = {CS_ARCH_X86, CS_MODE_32};
      return true;
    case 183:  // EM_AARCH64
      machine = {CS_ARCH_ARM64, CS_MODE_ARM};
      return true;
    case 40:  // EM_ARM
      machine = {CS_ARCH_ARM, (address & 1) != 0 ? CS_MODE_THUMB : CS_MODE_ARM};
      return true;
    default:
      return false;
  }
}

/// A decoder and the one instruction it decodes into.
class Decoder {
 public:
  Decoder(const Abi& abi, std::uint64_t address) : abi_(abi) {
    Machine machine{};
    if (!find_machine(abi, address, machine)) return;
    if (cs_open(machine.arch, machine.mode, &handle_) != CS_ERR_OK) {
      handle_ = 0;
      return;
    }
    cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
    instruction_ = cs_malloc(handle_);
  }
  ~Decoder() {
    if (instruction_ != nullptr) cs_free(instruction_, 1);
    if (handle_ != 0) cs_close(&handle_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Moves past one instruction; false if there is none.
  bool next(std::span<const std::uint8_t>& bytes, std::uint64_t& address) {
    if (instruction_ == nullptr) return false;
    const std::uint8_t* code = bytes.data();
    std::size_t left = bytes.size();
    if (!cs_disasm_iter(handle_, &code, &left, &address, instruction_)) return false;
    bytes = bytes.last(left);
    return true;
  }

  Instruction instruction() const {
    return {.address = instruction_->address,
            .bytes = std::span(instruction_->bytes, instruction_->size),
            .mnemonic = instruction_->mnemonic,
            .operands = instruction_->op_str,
            .enters_kernel = enters_kernel(),
            .leaves_line = in_group(CS_GRP_JUMP) || in_group(CS_GRP_CALL) || in_group(CS_GRP_RET) ||
                           in_group(CS_GRP_IRET),
            .uses_instruction = uses_instruction_pointer()};
  }

 private:
  bool in_group(unsigned group) const { return cs_insn_group(handle_, instruction_, group); }

  bool enters_kernel() const {
    switch (abi_.elf_machine) {
      case 62:
      case 3: {
        if (instruction_->id == X86_INS_SYSCALL) return true;
        // 64-bit code has no way back from sysenter.
        if (instruction_->id == X86_INS_SYSENTER) return abi_.elf_machine == 3;
        const cs_x86& x86 = instruction_->detail->x86;
        return instruction_->id == X86_INS_INT && x86.op_count == 1 && x86.operands[0].imm == 0x80;
      }
      case 183:
        return instruction_->id == ARM64_INS_SVC;
      default:
        return instruction_->id == ARM_INS_SVC;
    }
  }

  bool uses_instruction_pointer() const {
    if (in_group(CS_GRP_BRANCH_RELATIVE)) return true;
    const bool x86 = abi_.elf_machine == 62 || abi_.elf_machine == 3;
    if (x86) return operands_use_rip();
    if (abi_.elf_machine == 183) {
      // Loads of literals name no register: only the mnemonic's operand form tells.
      return instruction_->id == ARM64_INS_ADR || instruction_->id == ARM64_INS_ADRP ||
             (std::string_view(instruction_->mnemonic).starts_with("ldr") &&
              std::string_view(instruction_->op_str).find('[') == std::string_view::npos);
    }
    return std::string_view(instruction_->op_str).find("pc") != std::string_view::npos;
  }

  bool operands_use_rip() const {
    const cs_x86& x86 = instruction_->detail->x86;
    return std::any_of(x86.operands, x86.operands + x86.op_count, [](const cs_x86_op& operand) {
      return operand.type == X86_OP_MEM &&
             (operand.mem.base == X86_REG_RIP || operand.mem.base == X86_REG_EIP);
    });
  }

  const Abi& abi_;
  csh handle_ = 0;
  cs_insn* instruction_ = nullptr;
};

void append_hex(std::string& text, std::uint64_t value, const char* format) {
  char buffer[24];
  const int length =
      std::snprintf(buffer, sizeof buffer, format, static_cast<unsigned long long>(value));
  text.append(buffer, static_cast<std::size_t>(length));
}

}  // namespace

std::size_t for_each_instruction(const Abi& abi, std::span<const std::uint8_t> bytes,
                                 std::uint64_t address, const InstructionVisitor& visitor) {
  Decoder decoder(abi, address);
  if (abi.elf_machine == 40) address &= ~std::uint64_t{1};
  const std::size_t all = bytes.size();
  while (!bytes.empty() && decoder.next(bytes, address)) {
    if (!visitor(decoder.instruction())) break;
  }
  return all - bytes.size();
}

bool is_syscall_instruction(const Abi& abi, std::span<const std::uint8_t> bytes) {
  const auto expected = abi.syscall_instruction;
  if (bytes.size() >= expected.size() &&
      std::ranges::equal(bytes.first(expected.size()), expected)) {
    return true;
  }
  bool enters = false;
  for_each_instruction(abi, bytes, 0, [&](const Instruction& instruction) {
    enters = instruction.enters_kernel;
    return false;
  });
  return enters;
}

std::string text_of(const Abi& abi, std::span<const std::uint8_t> bytes, std::uint64_t address) {
  std::string text;
  const std::size_t decoded =
      for_each_instruction(abi, bytes, address, [&](const Instruction& instruction) {
        append_hex(text, instruction.address, "%#llx: ");
        text += instruction.mnemonic;
        if (!instruction.operands.empty()) text += ' ';
        text += instruction.operands;
        text += '\n';
        return true;
      });
  if (decoded == bytes.size()) return text;
  append_hex(text, address + decoded, "%#llx: bytes");
  for (const std::uint8_t byte : bytes.subspan(decoded))
    append_hex(text, byte, " %02llx");
  return text += '\n';
}

}  // namespace nestp

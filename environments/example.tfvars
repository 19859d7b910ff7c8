# Copy to dev.tfvars (kept out of Git) and fill in. Secrets may come from the environment instead: TF_VAR_git_token=...
proxmox_endpoint = "https://pve.example:8006"
proxmox_username = "root@pam"
proxmox_password = "your-password"
# or: proxmox_api_token = "user@pve!nexus=00000000-0000-0000-0000-000000000000"
proxmox_node     = "pve"
template_vm_id   = 9000
ansible_repo_url = "https://github.com/YOUR_USER/nexus-ansible-playbooks.git"

# A private repository:
# git_token = "..."

# A receiver; without these two lines VMs report nowhere.
# webhook_url    = "https://receiver.example:9191/webhook"
# webhook_secret = "..." # openssl rand -base64 32

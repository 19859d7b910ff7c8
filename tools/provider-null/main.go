// A STAND-IN for the hashicorp/null provider, written for this project's tests. It is not that provider: the real one
// (2.0 and later) cannot be had as a Go module, so a build from Go modules alone has to bring its own.
// Same types, same attributes, same life cycle; tools/check.sh compares its schema with schemas/null.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dsschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	pschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// standsInFor is the release whose schema this imitates; tools/build.sh sets it.
var standsInFor = "unset"

const standIn = "Stand-in for the null provider, not the real one."

func banner() string {
	return "nexus-pull stand-in for the null provider " + standsInFor + " (not the real provider)"
}

func main() {
	showVersion := flag.Bool("version", false, "say what this is and exit")
	flag.Parse()
	if *showVersion {
		fmt.Println(banner())
		return
	}
	// Standard error reaches the TF_LOG log; standard output is the plugin handshake.
	log.SetFlags(0)
	log.Print("[WARN] " + banner())
	err := providerserver.Serve(context.Background(),
		func() provider.Provider { return nullProvider{} },
		// .invalid, so that not even the plugin's own address claims to be somebody else's provider. Protocol 5 as the real one.
		providerserver.ServeOpts{Address: "nexus-pull.invalid/stand-in/null", ProtocolVersion: 5})
	if err != nil {
		log.Fatal(err)
	}
}

type nullProvider struct{}

func (nullProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "null"
	resp.Version = standsInFor + "-stand-in"
}

func (nullProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = pschema.Schema{Description: standIn}
}

func (nullProvider) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}

func (nullProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return nullResource{} }}
}

func (nullProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return nullDataSource{} }}
}

type nullResource struct{}

type resourceModel struct {
	ID       types.String `tfsdk:"id"`
	Triggers types.Map    `tfsdk:"triggers"`
}

func (nullResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_resource"
}

func (nullResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = rschema.Schema{
		Description: standIn + " Has a life cycle and does nothing.",
		Attributes: map[string]rschema.Attribute{
			"id": rschema.StringAttribute{
				Description:   "Random, made on creation.",
				Computed:      true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"triggers": rschema.MapAttribute{
				Description: "A change of any value replaces the resource.",
				ElementType: types.StringType,
				Optional:    true,
				PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplaceIf(triggersChanged,
					"replaced when a trigger changes", "replaced when a trigger changes")},
			},
		},
	}
}

// triggersChanged follows the real provider where it differs from a plain "any change": a NEW key whose value is null
// does not replace (a removed key does, whatever it held).
func triggersChanged(_ context.Context, req planmodifier.MapRequest, resp *mapplanmodifier.RequiresReplaceIfFuncResponse) {
	before, after := req.StateValue.Elements(), req.ConfigValue.Elements()
	for key, value := range after {
		old, existed := before[key]
		if (existed || !value.IsNull()) && !value.Equal(old) {
			resp.RequiresReplace = true
			return
		}
	}
	for key := range before {
		if _, kept := after[key]; !kept {
			resp.RequiresReplace = true
			return
		}
	}
}

func (nullResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var model resourceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	model.ID = types.StringValue(randomID())
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

func (nullResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (nullResource) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
}

func (nullResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

type nullDataSource struct{}

func (nullDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_data_source"
}

func (nullDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	const legacy = "Kept for old configurations; use locals instead."
	resp.Schema = dsschema.Schema{
		Description:        standIn + " Copies inputs to outputs.",
		DeprecationMessage: legacy,
		Attributes: map[string]dsschema.Attribute{
			"has_computed_default": dsschema.StringAttribute{
				Description: "Returned as given; \"default\" if unset.", Optional: true, Computed: true,
			},
			"id": dsschema.StringAttribute{
				Description: legacy, Computed: true, DeprecationMessage: legacy,
			},
			"inputs": dsschema.MapAttribute{
				Description: "Strings to copy.", ElementType: types.StringType, Optional: true,
			},
			"outputs": dsschema.MapAttribute{
				Description: "The copy of inputs.", ElementType: types.StringType, Computed: true,
			},
			"random": dsschema.StringAttribute{
				Description: "Random, new at each read.", Computed: true,
			},
		},
	}
}

type dataModel struct {
	HasComputedDefault types.String `tfsdk:"has_computed_default"`
	ID                 types.String `tfsdk:"id"`
	Inputs             types.Map    `tfsdk:"inputs"`
	Outputs            types.Map    `tfsdk:"outputs"`
	Random             types.String `tfsdk:"random"`
}

func (nullDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model dataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	model.ID = types.StringValue("static")
	model.Outputs = model.Inputs
	model.Random = types.StringValue(randomID())
	if model.HasComputedDefault.IsNull() {
		model.HasComputedDefault = types.StringValue("default")
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

func randomID() string { return fmt.Sprint(rand.Int63()) }
